/* Causes to hold the relay open, the relay and the lights down to the pins, and the latch in storage. */
#ifndef PENDANT_GUARD_H
#define PENDANT_GUARD_H

#include "pendant/state.h"

static inline bool has(uint32_t bits, uint32_t bit)
{
    return (bits & bit) != 0;
}

/* What holds the relay open now, CAUSE_... */
uint8_t guard_causes(pendant *self, uint32_t now_ms);
/* Opens the relay where there is a cause, at once, down to the pin. */
void guard_apply(pendant *self, uint8_t causes, uint32_t now_ms);
/* Writes the latched faults to storage; a failure is a fault itself. */
void guard_store(pendant *self);

#endif
