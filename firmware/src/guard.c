#include "guard.h"

void guard_store(pendant *self)
{
    uint8_t bytes[LATCH_BYTES];
    latch_encode(&self->faults, bytes);
    if (!self->hal.store(self->hal.context, bytes)) {
        self->faults.faults |= FAULT_STORAGE; /* kept in memory at least */
    }
}

uint8_t guard_causes(pendant *self, uint32_t now_ms)
{
    uint32_t causes = estop_stopped(&self->stop) ? CAUSE_ESTOP : 0u;
    causes |= self->stop.differ ? CAUSE_DISCREPANCY : 0u;
    causes |= self->grip.position == DEADMAN_SQUEEZED ? CAUSE_SQUEEZED : 0u;
    causes |= link_alive(&self->host, now_ms) ? 0u : CAUSE_HEARTBEAT;
    causes |= self->faults.faults != 0 ? CAUSE_FAULT : 0u;
    return (uint8_t)causes;
}

static void drive(pendant *self, uint32_t now_ms)
{
    uint32_t outputs = self->output.closed ? OUTPUT_RELAY : 0u;
    outputs |= player_on(&self->green, now_ms) ? OUTPUT_GREEN : 0u;
    outputs |= player_on(&self->red, now_ms) ? OUTPUT_RED : 0u;
    outputs |= player_on(&self->buzzer, now_ms) ? OUTPUT_BUZZER : 0u;
    self->outputs = (uint8_t)outputs;
    self->hal.write_outputs(self->hal.context, self->outputs);
}

void guard_apply(pendant *self, uint8_t causes, uint32_t now_ms)
{
    bool was_closed = self->output.closed;
    relay_update(&self->output, causes, now_ms);
    if (was_closed && !self->output.closed) {
        self->state_due = true;
        player_restart(&self->buzzer, PATTERN_LONG, now_ms);
    }
    drive(self, now_ms);
}
