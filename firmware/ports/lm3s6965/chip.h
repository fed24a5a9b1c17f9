/* The parts of the LM3S6965 (Cortex-M3, 50 MHz) that the pendant uses: clock, SysTick, UARTs, watchdog, retained memory.
 *
 * Contract. `chip_start` comes first. Nothing here waits, but `chip_wait`, which sleeps until the next interrupt: at
 * most one millisecond. UARTs run at 460,800 baud, 8N1, with their 16-byte FIFOs. The watchdog is fed by
 * `chip_watchdog_feed`; WATCHDOG_MS without it raise its interrupt, as long again resets the board. Two variables
 * have no owner but this file, because interrupts take no argument: the millisecond counter and the retained memory.
 */
#ifndef CHIP_H
#define CHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHIP_HZ 50000000u
#define CHIP_UART0 0x4000C000u
#define CHIP_UART1 0x4000D000u
#define CHIP_UART0_INTERRUPT 5u
#define CHIP_UART1_INTERRUPT 6u
#define CHIP_WATCHDOG_INTERRUPT 18u

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

typedef enum {
    CHIP_PORT_A = 0, /* bits of the clock gate, and order of the ports */
    CHIP_PORT_B = 1,
    CHIP_PORT_D = 3,
    CHIP_PORT_E = 4,
    CHIP_PORT_F = 5,
} chip_port;

typedef struct {
    uint32_t mark;     /* RETAINED_MARK once this firmware ran since power-on */
    uint32_t watchdog; /* set by the watchdog's interrupt */
    uint8_t latch[8];  /* for a port without other storage */
} chip_retained;

#define RETAINED_MARK 0x50454E44u

extern chip_retained retained; /* placed by link.ld */

typedef enum { CHIP_POWER_ON, CHIP_WARM, CHIP_WATCHDOG } chip_reset;

/* Starts clock and SysTick; returns why the chip was reset. */
chip_reset chip_start(void);
uint32_t chip_now_ms(void);
void chip_wait(void);

void chip_watchdog_start(void);
void chip_watchdog_feed(void);

/* Opens a UART; `port` and `pins` carry it. */
void chip_uart_open(uint32_t uart, chip_port port, uint32_t pins, uint32_t interrupt);

/* Takes up to `capacity` received bytes; sets `*overrun` when bytes were lost. */
size_t chip_uart_read(uint32_t uart, uint8_t *bytes, size_t capacity, bool *overrun);
size_t chip_uart_write(uint32_t uart, const uint8_t *bytes, size_t count);

/* Digital pins: inputs have pull-ups. */
void chip_pins_open(chip_port port, uint32_t inputs, uint32_t outputs);
uint32_t chip_pins_read(chip_port port, uint32_t pins);
void chip_pins_write(chip_port port, uint32_t pins, uint32_t values);

void chip_systick_handler(void);
void chip_uart_handler(void);
void chip_watchdog_handler(void);

#endif
