/* What the main loop asks of a variant of this port: contacts, lamps, storage.
 *
 * Contract. `pins_*` and `storage_*` are linked from one of two files each: pins_board.c (contacts on GPIO) or
 * pins_bench.c (contacts on the second UART, for QEMU); storage_flash.c or storage_ram.c.
 */
#ifndef BOARD_H
#define BOARD_H

#include "bench.h"
#include "chip.h"
#include "pendant/pendant.h"

typedef struct {
    bench hand; /* used by pins_bench.c only */
} board;

void pins_start(board *self, restart_cause restart);
/* Takes in what changed; called in every round of the main loop. */
void pins_poll(board *self);
uint8_t pins_read(void *context);
void pins_write(void *context, uint8_t outputs);

bool storage_load(void *context, uint8_t bytes[LATCH_BYTES]);
bool storage_store(void *context, const uint8_t bytes[LATCH_BYTES]);

#endif
