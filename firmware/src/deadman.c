#include "pendant/deadman.h"

void deadman_init(deadman *self)
{
    *self = (deadman){.position = DEADMAN_RELEASED, .locked = true};
    debounce_init(&self->half, false, DEADMAN_PRESS_MS, 0);
    debounce_init(&self->full, false, 0, DEADMAN_RELAX_MS);
}

static deadman_position position_of(bool half, bool full)
{
    if (full) {
        return DEADMAN_SQUEEZED; /* without `half`, too: the safe reading of nonsense */
    }
    return half ? DEADMAN_HELD : DEADMAN_RELEASED;
}

static void watch_plausibility(deadman *self, bool implausible, uint32_t now_ms)
{
    if (implausible && !self->implausible) {
        self->implausible_since_ms = now_ms;
    }
    self->implausible = implausible;
    self->fault = implausible && now_ms - self->implausible_since_ms >= IMPLAUSIBLE_MS;
}

void deadman_update(deadman *self, bool half, bool full, uint32_t now_ms)
{
    bool closing = half; /* a grip that is about to count as held has not been released */
    half = debounce_update(&self->half, half, now_ms);
    full = debounce_update(&self->full, full, now_ms);
    self->position = position_of(half, full);
    watch_plausibility(self, full && !half && !closing, now_ms);
    if (self->position == DEADMAN_SQUEEZED) {
        self->locked = true;
    } else if (self->position == DEADMAN_RELEASED && !closing) {
        self->locked = false;
    }
}

bool deadman_engaged(const deadman *self)
{
    return self->position == DEADMAN_HELD && !self->locked;
}
