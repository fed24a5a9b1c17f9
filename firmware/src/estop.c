#include "pendant/estop.h"

void estop_init(estop *self)
{
    *self = (estop){.differ = false};
    debounce_init(&self->a, false, CLOSE_MS, 0); /* open until proved closed */
    debounce_init(&self->b, false, CLOSE_MS, 0);
}

void estop_update(estop *self, bool a_closed, bool b_closed, uint32_t now_ms)
{
    bool a = debounce_update(&self->a, a_closed, now_ms);
    bool b = debounce_update(&self->b, b_closed, now_ms);
    if (a != b && !self->differ) {
        self->differ_since_ms = now_ms;
    }
    self->differ = a != b;
    self->discrepancy = self->differ && now_ms - self->differ_since_ms >= DISCREPANCY_MS;
    if (self->discrepancy) {
        self->opened = false;
    } else if (!a_closed && !b_closed) { /* seen, not assumed from the start */
        self->opened = true;
    }
}

bool estop_stopped(const estop *self)
{
    return !(self->a.closed && self->b.closed);
}

bool estop_proved(const estop *self)
{
    return self->opened && !estop_stopped(self);
}
