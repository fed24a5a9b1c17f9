#include "pendant/pattern.h"

const pattern PATTERN_OFF = {0x0u, 1, true};
const pattern PATTERN_ON = {0x1u, 1, true};
const pattern PATTERN_SLOW = {0x3FFu, 20, true};
const pattern PATTERN_FAST = {0x3u, 4, true};
const pattern PATTERN_DOUBLE = {0x33u, 20, true};
const pattern PATTERN_CHIRP = {0x1u, 1, false};
const pattern PATTERN_TWICE = {0x33u, 6, false};
const pattern PATTERN_LONG = {0xFFFu, 12, false};

void player_init(player *self)
{
    *self = (player){.playing = PATTERN_OFF};
}

void player_restart(player *self, pattern wanted, uint32_t now_ms)
{
    self->playing = wanted;
    self->start_ms = now_ms;
}

void player_play(player *self, pattern wanted, uint32_t now_ms)
{
    const pattern *now = &self->playing;
    if (now->bits != wanted.bits || now->steps != wanted.steps || now->repeats != wanted.repeats) {
        player_restart(self, wanted, now_ms);
    }
}

bool player_on(const player *self, uint32_t now_ms)
{
    uint32_t step = (now_ms - self->start_ms) / STEP_MS;
    if (self->playing.repeats) {
        step %= self->playing.steps;
    }
    return step < self->playing.steps && (self->playing.bits >> step & 1u) != 0;
}
