#include "report.h"

#include "guard.h"

static void queue(pendant *self, const uint8_t *payload, size_t length)
{
    self->counters.send_dropped += !sender_queue(&self->line, payload, length);
}

static uint8_t stable_inputs(const pendant *self)
{
    uint32_t bits = self->grip.half.closed ? INPUT_DEADMAN_HALF : 0u;
    bits |= self->grip.full.closed ? INPUT_DEADMAN_FULL : 0u;
    bits |= self->stop.a.closed ? INPUT_ESTOP_A : 0u;
    bits |= self->stop.b.closed ? INPUT_ESTOP_B : 0u;
    for (uint32_t i = 0; i < BUTTON_COUNT; i++) {
        bits |= self->keys.each[i].down ? (uint32_t)INPUT_SUCCESS << i : 0u;
    }
    bits |= self->output.closed == self->output.mirror_wrong ? INPUT_MIRROR : 0u;
    return (uint8_t)bits;
}

static uint8_t state_flags(const pendant *self)
{
    uint32_t flags = self->output.closed ? FLAG_RELAY_CLOSED : 0u;
    flags |= deadman_engaged(&self->grip) ? FLAG_ENGAGED : 0u;
    flags |= self->host.open ? FLAG_SESSION : 0u;
    flags |= self->host.beating ? FLAG_HEARTBEAT : 0u;
    flags |= buttons_stuck(&self->keys) ? FLAG_STUCK : 0u;
    flags |= estop_proved(&self->stop) ? FLAG_PROVED : 0u;
    return (uint8_t)flags;
}

void report_state(pendant *self, uint32_t now_ms)
{
    state_message state = {
        .time_ms = now_ms,
        .host_sequence = self->host.sequence,
        .token = self->output.token,
        .inputs = stable_inputs(self),
        .outputs = self->outputs,
        .deadman = (uint8_t)self->grip.position,
        .flags = state_flags(self),
        .causes = guard_causes(self, now_ms),
        .opened_by = self->output.opened_by,
        .faults = self->faults.faults,
        .event_count = self->keys.count,
        .events = self->keys.events,
    };
    uint8_t payload[FRAME_PAYLOAD_MAX];
    queue(self, payload, protocol_write_state(payload, self->line.sequence, &state));
    self->state_due = false;
    self->state_ms = now_ms;
}

void report_welcome(pendant *self, uint32_t now_ms)
{
    welcome_message welcome = {
        .nonce = self->host.nonce,
        .time_ms = now_ms,
        .boots = self->faults.boots,
        .heartbeat_ms = HEARTBEAT_MS,
        .restart = self->restart,
    };
    uint8_t payload[FRAME_PAYLOAD_MAX];
    queue(self, payload, protocol_write_welcome(payload, self->line.sequence, &welcome));
}

void report_counters(pendant *self)
{
    uint8_t payload[FRAME_PAYLOAD_MAX];
    queue(self, payload, protocol_write_counters(payload, self->line.sequence, &self->counters));
}

void report_reply(pendant *self, const host_message *message, pendant_status status)
{
    reply_message answer = {.type = message->type, .status = (uint8_t)status, .sequence = message->sequence};
    uint8_t payload[FRAME_PAYLOAD_MAX];
    queue(self, payload, protocol_write_reply(payload, self->line.sequence, &answer));
}
