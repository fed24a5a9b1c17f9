#include "chip.h"

#define SYSCTL 0x400FE000u
#define SYSCTL_PBORCTL REGISTER(SYSCTL + 0x030u)
#define SYSCTL_RIS REGISTER(SYSCTL + 0x050u)
#define SYSCTL_RESC REGISTER(SYSCTL + 0x05Cu)
#define SYSCTL_RCC REGISTER(SYSCTL + 0x060u)
#define SYSCTL_RCGC0 REGISTER(SYSCTL + 0x100u)
#define SYSCTL_RCGC1 REGISTER(SYSCTL + 0x104u)
#define SYSCTL_RCGC2 REGISTER(SYSCTL + 0x108u)

#define PBORCTL_RESET 0x2u   /* a brown-out resets */
#define RIS_PLL_LOCKED 0x40u
#define RESC_POWER_ON 0x2u
#define RESC_WATCHDOG 0x8u
#define RCGC0_WATCHDOG 0x8u

#define RCC_SYSDIV (0xFu << 23)
#define RCC_SYSDIV_4 (3u << 23) /* 200 MHz / 4 */
#define RCC_USESYSDIV (1u << 22)
#define RCC_PWRDN (1u << 13) /* of the PLL */
#define RCC_BYPASS (1u << 11)
#define RCC_CRYSTAL (0xFu << 6)
#define RCC_CRYSTAL_8MHZ (0xEu << 6)
#define RCC_SOURCE (3u << 4) /* 0: the main oscillator */
#define RCC_MAIN_OFF 1u
#define OSCILLATOR_START 20000u /* rounds of an empty loop at 12 MHz: some milliseconds */
#define PLL_PATIENCE 100000u

#define SYSTICK_CONTROL REGISTER(0xE000E010u)
#define SYSTICK_RELOAD REGISTER(0xE000E014u)
#define SYSTICK_VALUE REGISTER(0xE000E018u)
#define NVIC_ENABLE REGISTER(0xE000E100u)

#define WATCHDOG 0x40000000u
#define WATCHDOG_LOAD REGISTER(WATCHDOG + 0x000u)
#define WATCHDOG_CONTROL REGISTER(WATCHDOG + 0x008u)
#define WATCHDOG_LOCK REGISTER(WATCHDOG + 0xC00u)
#define WATCHDOG_KEY 0x1ACCE551u

#define UART_DATA 0x00u
#define UART_ERRORS 0x04u
#define UART_FLAGS 0x18u
#define UART_INTEGER 0x24u
#define UART_FRACTION 0x28u
#define UART_LINE 0x2Cu
#define UART_CONTROL 0x30u
#define UART_MASK 0x38u
#define UART_CLEAR 0x44u
#define UART_EMPTY 0x10u
#define UART_FULL 0x20u
#define UART_OVERRUN 0x8u
#define UART_RECEIVE 0x50u /* FIFO level and time-out */

static volatile uint32_t milliseconds;

static const uint32_t PORTS[] = {0x40004000u, 0x40005000u, 0x40006000u, 0x40007000u, 0x40024000u, 0x40025000u};

static void spend(volatile uint32_t rounds)
{
    while (rounds > 0) {
        rounds--;
    }
}

/* Without a lock the chip stays on its slow oscillator: the line is mute, and the relay stays open. */
static void start_clock(void)
{
    uint32_t rcc = (SYSCTL_RCC | RCC_BYPASS) & ~(RCC_USESYSDIV | RCC_MAIN_OFF);
    SYSCTL_RCC = rcc;
    spend(OSCILLATOR_START);
    rcc = (rcc & ~(RCC_CRYSTAL | RCC_SOURCE | RCC_PWRDN)) | RCC_CRYSTAL_8MHZ;
    SYSCTL_RCC = rcc;
    rcc = (rcc & ~RCC_SYSDIV) | RCC_SYSDIV_4 | RCC_USESYSDIV;
    SYSCTL_RCC = rcc;
    for (uint32_t left = PLL_PATIENCE; left > 0; left--) {
        if ((SYSCTL_RIS & RIS_PLL_LOCKED) != 0) {
            SYSCTL_RCC = rcc & ~RCC_BYPASS;
            return;
        }
    }
}

void chip_watchdog_start(void)
{
    SYSCTL_RCGC0 |= RCGC0_WATCHDOG;
    WATCHDOG_LOCK = WATCHDOG_KEY;
    WATCHDOG_LOAD = CHIP_HZ / 1000u * WATCHDOG_MS;
    WATCHDOG_CONTROL = 0x3u; /* interrupt, then reset */
    WATCHDOG_LOCK = 0;
    NVIC_ENABLE = 1u << CHIP_WATCHDOG_INTERRUPT;
}

static chip_reset reset_cause(void)
{
    bool ran = retained.mark == RETAINED_MARK;
    bool watchdog = (SYSCTL_RESC & RESC_WATCHDOG) != 0 || (ran && retained.watchdog == RETAINED_MARK);
    bool powered = (SYSCTL_RESC & RESC_POWER_ON) != 0 && !ran;
    SYSCTL_RESC = 0;
    if (!ran) {
        for (uint32_t i = 0; i < sizeof retained.latch; i++) {
            retained.latch[i] = 0;
        }
    }
    retained.mark = RETAINED_MARK;
    retained.watchdog = 0;
    if (watchdog) {
        return CHIP_WATCHDOG;
    }
    return powered || !ran ? CHIP_POWER_ON : CHIP_WARM;
}

chip_reset chip_start(void)
{
    chip_reset cause = reset_cause();
    SYSCTL_PBORCTL = PBORCTL_RESET;
    start_clock();
    SYSTICK_RELOAD = CHIP_HZ / 1000u - 1u;
    SYSTICK_VALUE = 0;
    SYSTICK_CONTROL = 0x7u;
    return cause;
}

uint32_t chip_now_ms(void)
{
    return milliseconds;
}

void chip_wait(void)
{
    __asm volatile("wfi");
}

void chip_systick_handler(void)
{
    milliseconds++;
}

void chip_watchdog_feed(void)
{
    WATCHDOG_LOCK = WATCHDOG_KEY;
    WATCHDOG_LOAD = CHIP_HZ / 1000u * WATCHDOG_MS; /* starts the count anew */
    WATCHDOG_LOCK = 0;
}

/* The main program did not feed it: leave a note and wait for the reset. */
void chip_watchdog_handler(void)
{
    retained.watchdog = RETAINED_MARK;
    for (;;) {
    }
}

void chip_uart_open(uint32_t uart, chip_port port, uint32_t pins, uint32_t interrupt)
{
    SYSCTL_RCGC1 |= uart == CHIP_UART0 ? 0x1u : 0x2u;
    SYSCTL_RCGC2 |= 1u << port;
    REGISTER(PORTS[port] + 0x420u) |= pins; /* alternate function */
    REGISTER(PORTS[port] + 0x51Cu) |= pins; /* digital */
    REGISTER(uart + UART_INTEGER) = 6;      /* 50 MHz / (16 * 460,800) = 6 + 50/64 */
    REGISTER(uart + UART_FRACTION) = 50;
    REGISTER(uart + UART_LINE) = 0x70;      /* 8N1, FIFOs */
    REGISTER(uart + UART_CONTROL) = 0x301;
    REGISTER(uart + UART_MASK) = UART_RECEIVE;
    NVIC_ENABLE = 1u << interrupt;
}

/* Received bytes only have to end the sleep: the main loop takes them, and asks to be woken again. */
void chip_uart_handler(void)
{
    REGISTER(CHIP_UART0 + UART_MASK) = 0;
    if ((SYSCTL_RCGC1 & 0x2u) != 0) {
        REGISTER(CHIP_UART1 + UART_MASK) = 0;
    }
}

size_t chip_uart_read(uint32_t uart, uint8_t *bytes, size_t capacity, bool *overrun)
{
    size_t count = 0;
    while (count < capacity && (REGISTER(uart + UART_FLAGS) & UART_EMPTY) == 0) {
        bytes[count++] = (uint8_t)(REGISTER(uart + UART_DATA) & 0xFFu);
    }
    if ((REGISTER(uart + UART_ERRORS) & UART_OVERRUN) != 0) {
        REGISTER(uart + UART_ERRORS) = 0;
        *overrun = true;
    }
    REGISTER(uart + UART_CLEAR) = UART_RECEIVE;
    REGISTER(uart + UART_MASK) = UART_RECEIVE;
    return count;
}

size_t chip_uart_write(uint32_t uart, const uint8_t *bytes, size_t count)
{
    size_t taken = 0;
    while (taken < count && (REGISTER(uart + UART_FLAGS) & UART_FULL) == 0) {
        REGISTER(uart + UART_DATA) = bytes[taken++];
    }
    return taken;
}

void chip_pins_open(chip_port port, uint32_t inputs, uint32_t outputs)
{
    uint32_t base = PORTS[port];
    SYSCTL_RCGC2 |= 1u << port;
    (void)SYSCTL_RCGC2; /* the port needs a few cycles to wake */
    REGISTER(base + 0x400u) |= outputs; /* direction */
    REGISTER(base + 0x510u) |= inputs;  /* pull-up */
    REGISTER(base + 0x51Cu) |= inputs | outputs;
}

/* The address carries the mask: only these pins are touched. */
uint32_t chip_pins_read(chip_port port, uint32_t pins)
{
    return REGISTER(PORTS[port] + (pins << 2));
}

void chip_pins_write(chip_port port, uint32_t pins, uint32_t values)
{
    REGISTER(PORTS[port] + (pins << 2)) = values;
}
