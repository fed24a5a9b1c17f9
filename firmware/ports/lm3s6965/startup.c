/* Vector table and the way from reset to main. */
#include <stdint.h>

#include "chip.h"

#define DEVICE_INTERRUPTS 44u

extern uint32_t data_source[], data_start[], data_end[], bss_start[], bss_end[], stack_top[];

int main(void);
void reset_handler(void);

/* Anything unexpected stops here; the watchdog then resets the board, which opens the relay. */
static void hang(void)
{
    for (;;) {
    }
}

void reset_handler(void)
{
    /* Addresses, not pointers: the linker's marks are no parts of one array. */
    const uint32_t *from = data_source;
    for (uintptr_t to = (uintptr_t)data_start; to < (uintptr_t)data_end; to += sizeof(uint32_t)) {
        REGISTER(to) = *from++;
    }
    for (uintptr_t to = (uintptr_t)bss_start; to < (uintptr_t)bss_end; to += sizeof(uint32_t)) {
        REGISTER(to) = 0;
    }
    (void)main();
    hang();
}

typedef void (*handler)(void);

/* The tests' image has no chip.c and needs no interrupt. */
__attribute__((weak)) void chip_systick_handler(void)
{
    hang();
}

__attribute__((weak)) void chip_uart_handler(void)
{
    hang();
}

__attribute__((weak)) void chip_watchdog_handler(void)
{
    hang();
}

typedef struct {
    uint32_t *stack;
    handler system[15];
    handler device[DEVICE_INTERRUPTS];
} vector_table;

__attribute__((section(".vectors"), used)) static const vector_table VECTORS = {
    .stack = stack_top,
    .system = {reset_handler, hang, hang, hang, hang, hang, 0, 0, 0, 0, hang, hang, 0, hang, chip_systick_handler},
    .device = {[CHIP_UART0_INTERRUPT] = chip_uart_handler,
               [CHIP_UART1_INTERRUPT] = chip_uart_handler,
               [CHIP_WATCHDOG_INTERRUPT] = chip_watchdog_handler},
};
