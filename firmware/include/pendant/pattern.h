/* What a light or a buzzer does over time: a row of bits, one each STEP_MS, lowest first.
 *
 * Contract. Playing the pattern that plays already does not start it anew, so a caller may say what it wants at every
 * tick. A pattern that does not repeat ends in silence, and may then be played again with `pattern_restart`.
 */
#ifndef PENDANT_PATTERN_H
#define PENDANT_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#define STEP_MS 50u

typedef struct {
    uint32_t bits;
    uint8_t steps; /* 1 to 32 */
    bool repeats;
} pattern;

typedef struct {
    pattern playing;
    uint32_t start_ms;
} player;

extern const pattern PATTERN_OFF;
extern const pattern PATTERN_ON;
extern const pattern PATTERN_SLOW;   /* half a second on, half a second off */
extern const pattern PATTERN_FAST;   /* 100 ms on, 100 ms off */
extern const pattern PATTERN_DOUBLE; /* two short ones every second */
extern const pattern PATTERN_CHIRP;  /* once, 50 ms */
extern const pattern PATTERN_TWICE;  /* two chirps, once */
extern const pattern PATTERN_LONG;   /* once, 600 ms */

void player_init(player *self);
void player_play(player *self, pattern wanted, uint32_t now_ms);
void player_restart(player *self, pattern wanted, uint32_t now_ms);
bool player_on(const player *self, uint32_t now_ms);

#endif
