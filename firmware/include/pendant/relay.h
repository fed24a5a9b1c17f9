/* The relay in the robot's user-stop: energised means closed means the robot may move.
 *
 * Contract. Any cause opens it with the update that brings it. Nothing closes it but `relay_arm` with the present token
 * and no cause at all. The token changes with every opening and with every session, so a command that was recorded, delayed
 * or repeated cannot close it. `relay_mirror` compares with the normally-closed mirror contact that the relay drives itself
 * and reports a relay that does not follow within MIRROR_MS (welded, coil broken, wire off).
 */
#ifndef PENDANT_RELAY_H
#define PENDANT_RELAY_H

#include "pendant/protocol.h"

#define MIRROR_MS 50u

typedef enum {
    CAUSE_ESTOP = 0x01,
    CAUSE_DISCREPANCY = 0x02, /* the channels differ, for however short */
    CAUSE_SQUEEZED = 0x04,
    CAUSE_HEARTBEAT = 0x08,   /* no session, or its heartbeat is missing */
    CAUSE_FAULT = 0x10,       /* a latched fault */
    CAUSE_COMMAND = 0x20,     /* the host asked for it, or began a new session */
} stop_cause;

typedef struct {
    uint32_t changed_ms;
    uint16_t token;
    uint8_t opened_by;
    bool closed;
    bool mirror_wrong;
} relay;

void relay_init(relay *self, uint16_t token, uint32_t now_ms);
void relay_update(relay *self, uint8_t causes, uint32_t now_ms);
pendant_status relay_arm(relay *self, uint16_t token, uint8_t causes, bool deadman_released, uint32_t now_ms);

/* Makes commands that quote the present token worthless. */
void relay_renew_token(relay *self);

/* Returns whether the relay does not follow. */
bool relay_mirror(relay *self, bool mirror_closed, uint32_t now_ms);

#endif
