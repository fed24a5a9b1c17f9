#include "pendant/link.h"

void link_init(host_link *self, uint32_t now_ms)
{
    *self = (host_link){.bucket_ms = now_ms, .bucket = BUCKET_FRAMES};
}

bool link_allow(host_link *self, uint32_t now_ms)
{
    uint32_t room = BUCKET_FRAMES - self->bucket;
    uint32_t passed = now_ms - self->bucket_ms;
    self->bucket = (uint8_t)(self->bucket + (passed < room ? passed : room));
    self->bucket_ms = now_ms;
    if (self->bucket == 0) {
        return false;
    }
    self->bucket--;
    return true;
}

bool link_hello(host_link *self, const host_message *message)
{
    if (self->open && self->nonce == message->nonce) {
        return false;
    }
    self->open = true;
    self->beating = false;
    self->nonce = message->nonce;
    self->sequence = message->sequence;
    return true;
}

bool link_accept(host_link *self, uint16_t sequence, pendant_counters *counters)
{
    if (!self->open) {
        counters->no_session++;
        return false;
    }
    uint16_t ahead = (uint16_t)(sequence - self->sequence);
    if (ahead == 0 || ahead >= 0x8000u) {
        counters->replayed++;
        return false;
    }
    counters->lost += ahead - 1u;
    counters->accepted++;
    self->sequence = sequence;
    return true;
}

void link_heartbeat(host_link *self, uint32_t echo_ms, uint32_t now_ms, pendant_counters *counters)
{
    if (now_ms - echo_ms > ECHO_MS) { /* an echo from the future wraps to a great age */
        counters->stale++;
        return;
    }
    self->beating = true;
    self->heartbeat_ms = now_ms;
}

bool link_alive(host_link *self, uint32_t now_ms)
{
    self->beating = self->beating && now_ms - self->heartbeat_ms < HEARTBEAT_MS;
    return self->beating;
}
