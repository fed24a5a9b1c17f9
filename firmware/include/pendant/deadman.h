/* The dead-man: a grip of three positions, released, held, squeezed, made of two contacts.
 *
 * Contract. `half` closes when the grip is held and stays closed when it is squeezed; `full` closes only when squeezed.
 * Letting go counts at once, squeezing counts at once, holding counts after a debounce. The human is engaged while the
 * grip is held, but after power-on, after a squeeze and after an implausible reading only once a release was seen: a hand
 * in panic that relaxes half way engages nothing. `full` without `half` is implausible: it counts as squeezed, and as a
 * fault when it lasts IMPLAUSIBLE_MS.
 */
#ifndef PENDANT_DEADMAN_H
#define PENDANT_DEADMAN_H

#include "pendant/debounce.h"

#define DEADMAN_PRESS_MS 10u
#define DEADMAN_RELAX_MS 10u
#define IMPLAUSIBLE_MS 100u

typedef enum {
    DEADMAN_RELEASED = 0,
    DEADMAN_HELD = 1,
    DEADMAN_SQUEEZED = 2,
} deadman_position;

typedef struct {
    debounce half;
    debounce full;
    deadman_position position;
    uint32_t implausible_since_ms;
    bool implausible;
    bool locked; /* a release must be seen first */
    bool fault;  /* implausible for too long, now */
} deadman;

void deadman_init(deadman *self);
void deadman_update(deadman *self, bool half, bool full, uint32_t now_ms);

/* Whether the human is in charge as far as the grip says. */
bool deadman_engaged(const deadman *self);

#endif
