#include "pendant/debounce.h"

void debounce_init(debounce *self, bool closed, uint16_t rise_ms, uint16_t fall_ms)
{
    *self = (debounce){.closed = closed, .rise_ms = rise_ms, .fall_ms = fall_ms};
}

bool debounce_update(debounce *self, bool closed, uint32_t now_ms)
{
    if (closed == self->closed) {
        self->bounces += self->changing;
        self->changing = false;
        return self->closed;
    }
    if (!self->changing) {
        self->changing = true;
        self->since_ms = now_ms;
    }
    if (now_ms - self->since_ms >= (closed ? self->rise_ms : self->fall_ms)) {
        self->closed = closed;
        self->changing = false;
    }
    return self->closed;
}
