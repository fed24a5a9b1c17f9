#include "pendant/buttons.h"

enum { SUCCESS, FAILURE, UNDO };

static const button_event EVENT_OF[BUTTON_COUNT] = {EVENT_SUCCESS, EVENT_FAILURE, EVENT_UNDO};

void buttons_init(buttons *self, uint32_t now_ms)
{
    *self = (buttons){.count = 0};
    for (uint32_t i = 0; i < BUTTON_COUNT; i++) {
        /* Down until seen open: a button that sticks from the start gives no event. */
        debounce_init(&self->each[i].contact, true, BUTTON_DEBOUNCE_MS, BUTTON_DEBOUNCE_MS);
        self->each[i].pressed_ms = now_ms;
        self->each[i].down = true;
        self->each[i].spent = true;
    }
}

static bool add_event(buttons *self, button_event event)
{
    self->events = self->events << 4 | (uint32_t)event;
    self->count++;
    return true;
}

static bool another_down(const buttons *self, uint32_t index)
{
    bool down = false;
    for (uint32_t i = 0; i < BUTTON_COUNT; i++) {
        down = down || (i != index && self->each[i].down);
    }
    return down;
}

static bool pressed(buttons *self, uint32_t index, uint32_t now_ms)
{
    button *it = &self->each[index];
    it->pressed_ms = now_ms;
    it->spent = another_down(self, index);
    self->ignored += it->spent;
    if (it->spent || index == UNDO) {
        return false;
    }
    it->spent = true;
    return add_event(self, EVENT_OF[index]);
}

static bool released(buttons *self, uint32_t index)
{
    button *it = &self->each[index];
    it->stuck = false;
    return !it->spent && add_event(self, EVENT_OF[index]);
}

static bool held(buttons *self, uint32_t index, uint32_t now_ms)
{
    button *it = &self->each[index];
    it->stuck = it->stuck || now_ms - it->pressed_ms >= STUCK_MS;
    if (it->spent || now_ms - it->pressed_ms < REARM_HOLD_MS) {
        return false;
    }
    it->spent = true;
    return add_event(self, EVENT_REARM);
}

static bool update_one(buttons *self, uint32_t index, bool closed, uint32_t now_ms)
{
    button *it = &self->each[index];
    bool was_down = it->down;
    it->down = debounce_update(&it->contact, closed, now_ms);
    if (it->down && !was_down) {
        return pressed(self, index, now_ms);
    }
    if (!it->down && was_down) {
        return released(self, index);
    }
    return it->down && held(self, index, now_ms);
}

bool buttons_update(buttons *self, uint8_t closed, uint32_t now_ms)
{
    bool added = false;
    for (uint32_t i = 0; i < BUTTON_COUNT; i++) {
        added = update_one(self, i, ((uint32_t)closed >> i & 1u) != 0, now_ms) || added;
    }
    return added;
}

bool buttons_stuck(const buttons *self)
{
    bool stuck = false;
    for (uint32_t i = 0; i < BUTTON_COUNT; i++) {
        stuck = stuck || self->each[i].stuck;
    }
    return stuck;
}
