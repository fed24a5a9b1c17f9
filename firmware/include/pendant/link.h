/* The host's side of the line as the device sees it: session, order, pace, heartbeat.
 *
 * Contract. A session begins with a HELLO whose nonce is not that of the present session. Within it a frame counts only
 * when its number is ahead of the last accepted one (by less than 32,768, modulo 65,536): a replayed or delayed frame
 * counts for nothing. Missing numbers are counted as lost. Frames beyond BUCKET_FRAMES at once and one each millisecond
 * are dropped before they are acted upon, whatever they say. A heartbeat counts only when it echoes a device time not
 * older than ECHO_MS: a host that cannot hear the device does not keep the relay closed.
 */
#ifndef PENDANT_LINK_H
#define PENDANT_LINK_H

#include "pendant/protocol.h"

#define HEARTBEAT_MS 180u /* below 200 by more than the longest tick */
#define ECHO_MS 150u
#define BUCKET_FRAMES 32u

typedef struct {
    uint32_t nonce;
    uint32_t heartbeat_ms; /* when the last good one came */
    uint32_t bucket_ms;    /* when the bucket was filled last */
    uint16_t sequence;     /* last accepted */
    uint8_t bucket;        /* frames that may still come at once */
    bool open;             /* a session has begun */
    bool beating;          /* a good heartbeat came, and is not too old */
} host_link;

void link_init(host_link *self, uint32_t now_ms);

/* Returns whether the pace allows one more frame. */
bool link_allow(host_link *self, uint32_t now_ms);

/* Returns whether a HELLO began a new session; a repeated one does not. */
bool link_hello(host_link *self, const host_message *message);

/* Returns whether a command of the session counts; counts it either way. */
bool link_accept(host_link *self, uint16_t sequence, pendant_counters *counters);

void link_heartbeat(host_link *self, uint32_t echo_ms, uint32_t now_ms, pendant_counters *counters);

/* Lets time pass and returns whether the heartbeat is alive. */
bool link_alive(host_link *self, uint32_t now_ms);

#endif
