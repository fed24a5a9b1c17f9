/* The latch in memory that outlives a reset, but not a power cut: QEMU does not model the flash controller. */
#include <string.h>

#include "board.h"

bool storage_load(void *context, uint8_t bytes[LATCH_BYTES])
{
    (void)context;
    memcpy(bytes, retained.latch, LATCH_BYTES);
    return true;
}

bool storage_store(void *context, const uint8_t bytes[LATCH_BYTES])
{
    (void)context;
    memcpy(retained.latch, bytes, LATCH_BYTES);
    return true;
}
