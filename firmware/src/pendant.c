#include "pendant/pendant.h"

#include <string.h>

#include "commands.h"
#include "guard.h"
#include "report.h"

/* Far apart for neighbouring boots, so that a token of an earlier boot does not come up again soon. */
#define TOKEN_STRIDE 40503u

/* ---- the latch ---- */

static void load(pendant *self, restart_cause restart)
{
    uint8_t bytes[LATCH_BYTES];
    if (self->hal.load(self->hal.context, bytes)) {
        latch_decode(&self->faults, bytes);
    } else {
        self->faults = (latch){.faults = FAULT_STORAGE};
    }
    if (restart == RESTART_WATCHDOG) {
        self->faults.faults |= FAULT_WATCHDOG;
    }
    self->faults.boots++;
    guard_store(self);
}

static uint8_t present_faults(pendant *self, uint8_t inputs, uint32_t now_ms)
{
    uint32_t faults = self->stop.discrepancy ? FAULT_DISCREPANCY : 0u;
    faults |= self->grip.fault ? FAULT_DEADMAN : 0u;
    faults |= relay_mirror(&self->output, has(inputs, INPUT_MIRROR), now_ms) ? FAULT_RELAY : 0u;
    return (uint8_t)faults;
}

/* ---- lights ---- */

static void show(pendant *self, uint8_t causes, uint32_t now_ms)
{
    const pattern *green = self->host.beating ? &PATTERN_SLOW : &PATTERN_OFF;
    if (self->output.closed) {
        green = deadman_engaged(&self->grip) ? &PATTERN_FAST : &PATTERN_ON;
    }
    const pattern *red = has(causes, CAUSE_HEARTBEAT) ? &PATTERN_DOUBLE : &PATTERN_OFF;
    red = has(causes, CAUSE_ESTOP | CAUSE_SQUEEZED) ? &PATTERN_ON : red;
    red = has(causes, CAUSE_FAULT) ? &PATTERN_FAST : red;
    player_play(&self->green, *green, now_ms);
    player_play(&self->red, *red, now_ms);
}

/* ---- the contract's functions ---- */

void pendant_init(pendant *self, pendant_hal hal, restart_cause restart, uint32_t now_ms)
{
    memset(self, 0, sizeof *self);
    self->hal = hal;
    self->restart = (uint8_t)restart;
    self->tick_ms = now_ms;
    self->state_ms = now_ms;
    self->hal.write_outputs(self->hal.context, 0); /* the relay is open before anything else */
    load(self, restart);
    frame_reader_init(&self->reader);
    sender_init(&self->line);
    link_init(&self->host, now_ms);
    estop_init(&self->stop);
    deadman_init(&self->grip);
    buttons_init(&self->keys, now_ms);
    relay_init(&self->output, (uint16_t)(self->faults.boots * TOKEN_STRIDE), now_ms);
    player_init(&self->green);
    player_init(&self->red);
    player_init(&self->buzzer);
}

static void sample(pendant *self, uint8_t inputs, uint32_t now_ms)
{
    estop_update(&self->stop, has(inputs, INPUT_ESTOP_A), has(inputs, INPUT_ESTOP_B), now_ms);
    deadman_update(&self->grip, has(inputs, INPUT_DEADMAN_HALF), has(inputs, INPUT_DEADMAN_FULL), now_ms);
    if (buttons_update(&self->keys, (uint8_t)(inputs / INPUT_SUCCESS & 0x7u), now_ms)) {
        player_restart(&self->buzzer, PATTERN_CHIRP, now_ms);
        self->state_due = true;
    }
    if (deadman_engaged(&self->grip) != self->was_engaged) {
        self->was_engaged = !self->was_engaged;
        self->state_due = true;
    }
}

static void keep_count(pendant *self, uint32_t now_ms)
{
    self->counters.late_ticks += now_ms - self->tick_ms > LATE_TICK_MS;
    self->tick_ms = now_ms;
    self->counters.presses_ignored = self->keys.ignored;
    uint32_t bounces = self->stop.a.bounces + self->stop.b.bounces + self->grip.half.bounces + self->grip.full.bounces;
    for (uint32_t i = 0; i < BUTTON_COUNT; i++) {
        bounces += self->keys.each[i].contact.bounces;
    }
    self->counters.bounces = bounces;
}

void pendant_tick(pendant *self, uint32_t now_ms)
{
    uint8_t inputs = self->hal.read_inputs(self->hal.context);
    keep_count(self, now_ms);
    sample(self, inputs, now_ms);
    uint8_t found = present_faults(self, inputs, now_ms);
    bool new_fault = (found & ~(uint32_t)self->faults.faults) != 0;
    self->faults.faults |= found;
    uint8_t causes = guard_causes(self, now_ms);
    show(self, causes, now_ms);
    guard_apply(self, causes, now_ms);
    if (new_fault) {
        guard_store(self); /* slow on some boards: the relay is open by now */
    }
    if (self->state_due || now_ms - self->state_ms >= STATE_MS) {
        report_state(self, now_ms);
    }
    sender_pump(&self->line, self->hal.send, self->hal.context);
    self->hal.feed_watchdog(self->hal.context);
}

void pendant_receive(pendant *self, const uint8_t *bytes, size_t count, uint32_t now_ms)
{
    /* A heartbeat that comes after its time must not hide that it was missing. */
    guard_apply(self, guard_causes(self, now_ms), now_ms);
    for (size_t i = 0; i < count; i++) {
        command_take_byte(self, bytes[i], now_ms);
    }
    if (self->state_due) {
        report_state(self, now_ms);
    }
    sender_pump(&self->line, self->hal.send, self->hal.context);
}

void pendant_note_overrun(pendant *self)
{
    self->counters.receive_overruns++;
}
