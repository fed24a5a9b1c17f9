/* The latch in the last page of flash, as a log of eight-byte records: the newest is the last that is not erased.
 *
 * Writing a record takes some 40 us. A page that fills up is erased (some 20 ms, longer than the watchdog's patience) only in
 * `storage_load`, before the watchdog starts, so that a session has SPARE records. */
#include <string.h>

#include "board.h"

#define FLASH_ADDRESS REGISTER(0x400FD000u)
#define FLASH_DATA REGISTER(0x400FD004u)
#define FLASH_CONTROL REGISTER(0x400FD008u)
#define FLASH_CLOCK REGISTER(0x400FE140u)
#define FLASH_KEY 0xA4420000u
#define FLASH_WRITE 0x1u
#define FLASH_ERASE 0x2u
#define RECORDS 128u
#define SPARE 16u /* records kept free for the faults of one session */
#define PATIENCE 2000000u

extern const uint8_t latch_page[]; /* placed by link.ld */

static bool command(uint32_t what)
{
    uint32_t left = PATIENCE;
    FLASH_CLOCK = CHIP_HZ / 1000000u - 1u;
    FLASH_CONTROL = FLASH_KEY | what;
    while ((FLASH_CONTROL & what) != 0 && left > 0) {
        left--;
    }
    return left > 0;
}

static const uint8_t *record(uint32_t index)
{
    return latch_page + LATCH_BYTES * index;
}

static bool erased(uint32_t index)
{
    bool blank = true;
    for (uint32_t i = 0; i < LATCH_BYTES; i++) {
        blank = blank && record(index)[i] == 0xFF;
    }
    return blank;
}

static uint32_t first_erased(void)
{
    uint32_t index = 0;
    while (index < RECORDS && !erased(index)) {
        index++;
    }
    return index;
}

static bool write_at(uint32_t index, const uint8_t bytes[LATCH_BYTES])
{
    bool fine = true;
    for (uint32_t i = 0; i < LATCH_BYTES; i += 4) {
        uint32_t word;
        memcpy(&word, bytes + i, sizeof word);
        FLASH_ADDRESS = (uint32_t)(uintptr_t)record(index) + i;
        FLASH_DATA = word;
        fine = command(FLASH_WRITE) && fine;
    }
    return fine && memcmp(record(index), bytes, LATCH_BYTES) == 0;
}

bool storage_load(void *context, uint8_t bytes[LATCH_BYTES])
{
    (void)context;
    uint32_t next = first_erased();
    memcpy(bytes, record(next == 0 ? 0 : next - 1), LATCH_BYTES);
    if (next + SPARE <= RECORDS) {
        return true;
    }
    FLASH_ADDRESS = (uint32_t)(uintptr_t)latch_page;
    bool fine = command(FLASH_ERASE);
    return write_at(0, bytes) && fine; /* a power cut in between loses the latch: FAILURES.md */
}

bool storage_store(void *context, const uint8_t bytes[LATCH_BYTES])
{
    (void)context;
    uint32_t next = first_erased();
    return next < RECORDS && write_at(next, bytes);
}
