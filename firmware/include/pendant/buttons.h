/* Success, failure, undo: presses become events that a lost frame cannot lose.
 *
 * Contract. Success and failure count when pressed; undo counts when released within REARM_HOLD_MS; held longer it asks
 * for a re-arm instead, once. While one button is down, presses of the others are ignored and counted: two at once mean
 * nothing. A button that was down at power-on, or is down for STUCK_MS, is stuck: it gives no event until it was
 * released. Events are numbered; the last eight stay readable, so whoever reads at least once every eight events misses
 * none, and knows how many when it does.
 */
#ifndef PENDANT_BUTTONS_H
#define PENDANT_BUTTONS_H

#include "pendant/debounce.h"

#define BUTTON_COUNT 3u
#define BUTTON_DEBOUNCE_MS 10u
#define REARM_HOLD_MS 800u
#define STUCK_MS 10000u

typedef enum {
    EVENT_NONE = 0,
    EVENT_SUCCESS = 1,
    EVENT_FAILURE = 2,
    EVENT_UNDO = 3,
    EVENT_REARM = 4, /* the human asks for the relay to close */
} button_event;

typedef struct {
    debounce contact;
    uint32_t pressed_ms;
    bool down;
    bool spent; /* this press has given what it had to give */
    bool stuck;
} button;

typedef struct {
    button each[BUTTON_COUNT]; /* success, failure, undo */
    uint32_t events;           /* newest in the lowest nibble */
    uint32_t ignored;
    uint8_t count;             /* of events, modulo 256 */
} buttons;

void buttons_init(buttons *self, uint32_t now_ms);

/* `closed`: bit i for button i. Returns whether an event was added. */
bool buttons_update(buttons *self, uint8_t closed, uint32_t now_ms);

bool buttons_stuck(const buttons *self);

#endif
