#include "pendant/sender.h"

#include "pendant/frame.h"

void sender_init(sender *self)
{
    *self = (sender){.head = 0};
}

static uint32_t queued(const sender *self)
{
    return (uint32_t)(self->tail - self->head) % SENDER_BYTES;
}

bool sender_queue(sender *self, const uint8_t *payload, size_t length)
{
    uint8_t wire[FRAME_WIRE_MAX];
    size_t count = frame_encode(payload, length, wire, sizeof wire);
    self->sequence++;
    if (count >= SENDER_BYTES - queued(self)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        self->bytes[self->tail] = wire[i];
        self->tail = (uint16_t)((self->tail + 1u) % SENDER_BYTES);
    }
    return true;
}

void sender_pump(sender *self, send_function send, void *context)
{
    while (self->head != self->tail) {
        uint32_t end = self->tail > self->head ? self->tail : SENDER_BYTES;
        uint32_t count = end - self->head;
        size_t taken = send(context, &self->bytes[self->head], count);
        self->head = (uint16_t)((self->head + taken) % SENDER_BYTES);
        if (taken < count) {
            return;
        }
    }
}
