/* A pendant on the bench: simulated time, contacts, relay with mirror contact, storage, and a host that obeys orders. */
#ifndef RIG_H
#define RIG_H

#include "check.h"
#include "pendant/pendant.h"

#define ESTOP_CLOSED (INPUT_ESTOP_A | INPUT_ESTOP_B)
#define RIG_FRAMES 64u

typedef struct {
    pendant device;
    uint32_t now_ms;
    uint8_t contacts;  /* without the mirror, which follows the relay */
    uint8_t outputs;
    bool welded;       /* the relay stays closed whatever is driven */
    bool mirror_off;   /* the mirror's wire is broken */
    bool store_fails;
    bool load_fails;
    uint32_t stores;
    uint8_t storage[LATCH_BYTES];
    uint32_t fed;      /* watchdog */
    size_t room;       /* bytes that the line still takes */
    bool beats;        /* the host sends a heartbeat every 40 ms */
    uint32_t beat_ms;
    uint16_t sequence; /* last used by the host */
    frame_reader reader;
    uint8_t state[64]; /* newest STATE, as a payload */
    uint8_t reply[64];
    uint8_t welcome[64];
    uint8_t counters[FRAME_PAYLOAD_MAX];
    uint16_t device_sequence;
    uint32_t frames;
    uint32_t gaps;
    uint32_t bad;
} rig;

void rig_init(rig *self, uint32_t now_ms);
void rig_restart(rig *self, restart_cause cause);
void rig_run(rig *self, uint32_t duration_ms);
void rig_contacts(rig *self, uint8_t set, uint8_t cleared);

/* The host: frames reach the device at once. */
void rig_bytes(rig *self, const uint8_t *bytes, size_t count);
size_t rig_encode(rig *self, message_type type, uint32_t value, uint8_t *wire);
void rig_send(rig *self, message_type type, uint32_t value);
void rig_connect(rig *self, uint32_t nonce);
pendant_status rig_arm(rig *self);
/* Session, heartbeat and a closed relay. */
void rig_ready(rig *self, check *c);

uint16_t rig_token(const rig *self);
uint32_t rig_state8(const rig *self, size_t at);
bool rig_relay(const rig *self);

/* Places of fields in STATE's payload. */
enum { STATE_INPUTS = 12, STATE_DEADMAN = 14, STATE_FLAGS, STATE_CAUSES, STATE_OPENED_BY, STATE_FAULTS, STATE_COUNT, STATE_EVENTS };

#endif
