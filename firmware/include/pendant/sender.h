/* Frames on their way to the host.
 *
 * Contract. A frame is queued whole or not at all; its number is used up either way, so that the host sees the gap.
 * `sender_pump` gives the line what it takes and never waits.
 */
#ifndef PENDANT_SENDER_H
#define PENDANT_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SENDER_BYTES 256u /* power of two; nine STATE frames */

typedef size_t (*send_function)(void *context, const uint8_t *bytes, size_t count);

typedef struct {
    uint8_t bytes[SENDER_BYTES];
    uint16_t head;     /* next byte to leave */
    uint16_t tail;     /* next free place */
    uint16_t sequence; /* of the next frame */
} sender;

void sender_init(sender *self);

/* Returns false when there was no room. `payload` carries `sequence` already. */
bool sender_queue(sender *self, const uint8_t *payload, size_t length);
void sender_pump(sender *self, send_function send, void *context);

#endif
