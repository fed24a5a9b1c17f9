/* Contacts and lamps on the second UART: QEMU has no hands. */
#include "board.h"

#define UART1_PINS 0x0Cu /* PD2 receives, PD3 sends */

static void write_report(void *context, const uint8_t bytes[BENCH_REPORT])
{
    (void)context;
    size_t sent = 0;
    while (sent < BENCH_REPORT) { /* the bench may wait: no hand depends on it */
        sent += chip_uart_write(CHIP_UART1, bytes + sent, BENCH_REPORT - sent);
    }
}

void pins_start(board *self, restart_cause restart)
{
    chip_uart_open(CHIP_UART1, CHIP_PORT_D, UART1_PINS, CHIP_UART1_INTERRUPT);
    bench_init(&self->hand, write_report, self);
    bench_started(&self->hand, restart, chip_now_ms());
}

void pins_poll(board *self)
{
    uint8_t bytes[16];
    bool overrun = false;
    size_t count = chip_uart_read(CHIP_UART1, bytes, sizeof bytes, &overrun);
    for (size_t i = 0; i < count; i++) {
        bench_take(&self->hand, bytes[i], chip_now_ms());
    }
    while (self->hand.hang) { /* until the watchdog bites */
    }
}

uint8_t pins_read(void *context)
{
    const board *self = context;
    return bench_inputs(&self->hand);
}

void pins_write(void *context, uint8_t outputs)
{
    board *self = context;
    bench_outputs(&self->hand, outputs, chip_now_ms());
}
