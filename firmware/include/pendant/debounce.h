/* One contact, debounced.
 *
 * Contract. The contact counts as closed once it was seen closed at every sample for `rise_ms`, as open once seen open for
 * `fall_ms`; 0 means with the first such sample. A contact that matters for safety has 0 in its safe direction: then no
 * bouncing, however long, can hide it. Times are differences of the caller's clock and survive its wrap.
 */
#ifndef PENDANT_DEBOUNCE_H
#define PENDANT_DEBOUNCE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint32_t since_ms;
    uint32_t bounces; /* changes that were taken back before they counted */
    uint16_t rise_ms;
    uint16_t fall_ms;
    bool closed;
    bool changing;
} debounce;

void debounce_init(debounce *self, bool closed, uint16_t rise_ms, uint16_t fall_ms);

/* Takes one sample and returns whether the contact counts as closed. */
bool debounce_update(debounce *self, bool closed, uint32_t now_ms);

#endif
