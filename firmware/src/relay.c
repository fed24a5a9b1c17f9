#include "pendant/relay.h"

void relay_init(relay *self, uint16_t token, uint32_t now_ms)
{
    *self = (relay){.token = token, .changed_ms = now_ms};
}

void relay_renew_token(relay *self)
{
    self->token++;
}

void relay_update(relay *self, uint8_t causes, uint32_t now_ms)
{
    if (!self->closed || causes == 0) {
        return;
    }
    self->closed = false;
    self->opened_by = causes;
    self->changed_ms = now_ms;
    relay_renew_token(self);
}

pendant_status relay_arm(relay *self, uint16_t token, uint8_t causes, bool deadman_released, uint32_t now_ms)
{
    if (token != self->token) {
        return PENDANT_BAD_TOKEN;
    }
    if (causes != 0) {
        return PENDANT_STOP_PRESENT;
    }
    if (!deadman_released) {
        return PENDANT_DEADMAN_PRESSED;
    }
    if (!self->closed) {
        self->closed = true;
        self->changed_ms = now_ms;
    }
    return PENDANT_OK;
}

bool relay_mirror(relay *self, bool mirror_closed, uint32_t now_ms)
{
    bool follows = mirror_closed != self->closed;
    if (follows) {
        self->mirror_wrong = false;
    } else if (now_ms - self->changed_ms >= MIRROR_MS) {
        self->mirror_wrong = true;
    }
    return self->mirror_wrong;
}
