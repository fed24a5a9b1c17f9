#include "commands.h"

#include "guard.h"
#include "report.h"

enum { CUE_NONE, CUE_CHIRP, CUE_TWICE, CUE_LONG };

static pendant_status arm(pendant *self, uint16_t token, uint32_t now_ms)
{
    bool released = self->grip.position == DEADMAN_RELEASED;
    pendant_status status = relay_arm(&self->output, token, guard_causes(self, now_ms), released, now_ms);
    if (status == PENDANT_OK) {
        player_restart(&self->buzzer, PATTERN_TWICE, now_ms);
        self->state_due = true;
    }
    return status;
}

static pendant_status clear(pendant *self, uint16_t token)
{
    if (token != self->output.token) {
        return PENDANT_BAD_TOKEN;
    }
    bool unproved = has(self->faults.faults, FAULT_DISCREPANCY) && !estop_proved(&self->stop);
    if (unproved || self->grip.fault || self->output.mirror_wrong) {
        return PENDANT_FAULT_PRESENT;
    }
    if (self->grip.position != DEADMAN_RELEASED) {
        return PENDANT_DEADMAN_PRESSED;
    }
    self->faults.faults = 0;
    guard_store(self);
    return self->faults.faults == 0 ? PENDANT_OK : PENDANT_STORAGE_FAILED;
}

static void cue(pendant *self, uint8_t wanted, uint32_t now_ms)
{
    static const pattern *const CUES[] = {&PATTERN_OFF, &PATTERN_CHIRP, &PATTERN_TWICE, &PATTERN_LONG};
    if (wanted != self->last_cue && wanted != CUE_NONE && wanted <= CUE_LONG) {
        player_restart(&self->buzzer, *CUES[wanted], now_ms);
    }
    self->last_cue = wanted;
}

static void hello(pendant *self, const host_message *message, uint32_t now_ms)
{
    if (link_hello(&self->host, message)) {
        guard_apply(self, CAUSE_COMMAND, now_ms);
        relay_renew_token(&self->output);
        self->counters.accepted++;
    } else {
        self->counters.replayed++;
    }
    report_welcome(self, now_ms);
    self->state_due = true;
}

static void answer(pendant *self, const host_message *message, pendant_status status)
{
    self->counters.refused += status != PENDANT_OK;
    report_reply(self, message, status);
}

static void obey(pendant *self, const host_message *message, uint32_t now_ms)
{
    switch (message->type) {
    case MESSAGE_HEARTBEAT:
        link_heartbeat(&self->host, message->echo_ms, now_ms, &self->counters);
        cue(self, message->cue, now_ms);
        self->state_due = true;
        break;
    case MESSAGE_ARM:
        answer(self, message, arm(self, message->token, now_ms));
        break;
    case MESSAGE_CLEAR:
        answer(self, message, clear(self, message->token));
        break;
    case MESSAGE_STOP:
        guard_apply(self, CAUSE_COMMAND, now_ms);
        report_reply(self, message, PENDANT_OK);
        break;
    default: /* MESSAGE_QUERY */
        report_counters(self);
        break;
    }
}

static void handle(pendant *self, const host_message *message, uint32_t now_ms)
{
    if (message->type == MESSAGE_HELLO) {
        hello(self, message, now_ms);
    } else if (link_accept(&self->host, message->sequence, &self->counters)) {
        obey(self, message, now_ms);
    } else if (!self->host.open) {
        report_reply(self, message, PENDANT_NO_SESSION);
    }
}

static void take_frame(pendant *self, uint32_t now_ms)
{
    if (!link_allow(&self->host, now_ms)) {
        self->counters.flooded++;
        return;
    }
    host_message message;
    switch (protocol_parse(self->reader.payload, self->reader.length, &message)) {
    case PARSE_OK:
        handle(self, &message, now_ms);
        break;
    case PARSE_BAD_VERSION:
        self->counters.bad_version++;
        if (message.type == MESSAGE_HELLO) {
            report_welcome(self, now_ms); /* its header tells the host which version this is */
        }
        break;
    default: /* PARSE_BAD_TYPE, PARSE_BAD_LENGTH */
        self->counters.bad_type++;
        break;
    }
}

void command_take_byte(pendant *self, uint8_t byte, uint32_t now_ms)
{
    switch (frame_reader_push(&self->reader, byte)) {
    case FRAME_READY:
        take_frame(self, now_ms);
        break;
    case FRAME_BAD_CODE:
        self->counters.bad_code++;
        break;
    case FRAME_BAD_CRC:
        self->counters.bad_crc++;
        break;
    case FRAME_TOO_LONG:
        self->counters.too_long++;
        break;
    default: /* FRAME_NONE */
        break;
    }
}
