/* The main loop: bytes in, one tick a millisecond, sleep. It never waits for anything else. */
#include "board.h"

#define UART0_PINS 0x03u /* PA0 receives, PA1 sends */
#define CHUNK 16u        /* no more bytes between two looks at the clock */

static size_t send(void *context, const uint8_t *bytes, size_t count)
{
    (void)context;
    return chip_uart_write(CHIP_UART0, bytes, count);
}

static void feed(void *context)
{
    (void)context;
    chip_watchdog_feed();
}

static restart_cause cause_of(chip_reset reset)
{
    static const restart_cause CAUSES[] = {RESTART_POWER, RESTART_BROWNOUT, RESTART_WATCHDOG};
    return CAUSES[reset];
}

static bool receive(pendant *device)
{
    uint8_t bytes[CHUNK];
    bool overrun = false;
    size_t count = chip_uart_read(CHIP_UART0, bytes, sizeof bytes, &overrun);
    if (overrun) {
        pendant_note_overrun(device);
    }
    pendant_receive(device, bytes, count, chip_now_ms());
    return count == sizeof bytes;
}

int main(void)
{
    board pins;
    pendant device;
    restart_cause restart = cause_of(chip_start());
    pins_start(&pins, restart);
    chip_uart_open(CHIP_UART0, CHIP_PORT_A, UART0_PINS, CHIP_UART0_INTERRUPT);
    pendant_hal hal = {&pins, pins_read, pins_write, send, storage_load, storage_store, feed};
    uint32_t last_ms = chip_now_ms();
    pendant_init(&device, hal, restart, last_ms);
    chip_watchdog_start(); /* not before: the latch's page may have to be erased first, with the relay open */
    for (;;) {
        bool more = receive(&device);
        pins_poll(&pins);
        if (chip_now_ms() != last_ms) {
            last_ms = chip_now_ms();
            pendant_tick(&device, last_ms);
        } else if (!more) {
            chip_wait();
        }
    }
}
