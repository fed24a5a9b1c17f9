#include "rig.h"

/* Runs until the relay opens; returns the time that took, or the limit. */
static uint32_t time_to_open(rig *r, uint32_t limit_ms)
{
    uint32_t start = r->now_ms;
    while (rig_relay(r) && r->now_ms - start < limit_ms) {
        rig_run(r, 1);
    }
    return r->now_ms - start;
}

static void test_relay_is_open_from_the_start_and_closes_only_when_armed(check *c)
{
    rig r;
    rig_init(&r, 0);
    rig_run(&r, 200);
    rig_connect(&r, 1);
    rig_run(&r, 1000);
    CHECK(c, !rig_relay(&r) && rig_state8(&r, STATE_CAUSES) == 0);
    CHECK(c, rig_state8(&r, STATE_INPUTS) == (ESTOP_CLOSED | INPUT_MIRROR));
    CHECK(c, rig_arm(&r) == PENDANT_OK && rig_arm(&r) == PENDANT_OK); /* twice is no harm */
    rig_run(&r, 1000);
    CHECK(c, rig_relay(&r) && r.fed >= 2200 && rig_state8(&r, STATE_INPUTS) == ESTOP_CLOSED);
}

static void test_stop_opens_within_20_ms(check *c)
{
    static const uint8_t OPENED[] = {INPUT_ESTOP_A, INPUT_ESTOP_B, ESTOP_CLOSED};
    for (uint32_t i = 0; i < sizeof OPENED; i++) {
        rig r;
        rig_init(&r, 7);
        rig_ready(&r, c);
        rig_contacts(&r, 0, OPENED[i]);
        CHECK(c, time_to_open(&r, 100) <= 20);
        rig_run(&r, 12);
        CHECK(c, (rig_state8(&r, STATE_OPENED_BY) & CAUSE_ESTOP) != 0);
        CHECK(c, (rig_state8(&r, STATE_OPENED_BY) & CAUSE_DISCREPANCY) == (OPENED[i] == ESTOP_CLOSED ? 0u : CAUSE_DISCREPANCY));
        rig_contacts(&r, ESTOP_CLOSED, 0);
        rig_run(&r, 1000);
        CHECK(c, !rig_relay(&r)); /* closing the channels does not close the relay */
    }
}

static void test_bouncing_stop_opens_within_20_ms(check *c)
{
    for (uint32_t period = 2; period < 12; period++) {
        rig r;
        rig_init(&r, 0);
        rig_ready(&r, c);
        uint32_t start = r.now_ms;
        for (uint32_t i = 0; i < 40 && rig_relay(&r); i++) {
            rig_contacts(&r, i % period == period - 1 ? 0 : ESTOP_CLOSED, i % period == period - 1 ? ESTOP_CLOSED : 0);
            rig_run(&r, 1);
        }
        CHECK(c, !rig_relay(&r) && r.now_ms - start <= 20);
    }
}

static void test_squeezed_grip_opens_within_20_ms(check *c)
{
    rig r;
    rig_init(&r, 0);
    rig_ready(&r, c);
    rig_contacts(&r, INPUT_DEADMAN_HALF, 0);
    rig_run(&r, 100);
    CHECK(c, rig_relay(&r) && (rig_state8(&r, STATE_FLAGS) & FLAG_ENGAGED) != 0);
    rig_contacts(&r, INPUT_DEADMAN_FULL, 0);
    CHECK(c, time_to_open(&r, 100) <= 20);
    rig_run(&r, 12);
    CHECK(c, rig_state8(&r, STATE_OPENED_BY) == CAUSE_SQUEEZED && rig_state8(&r, STATE_DEADMAN) == DEADMAN_SQUEEZED);
}

static void test_lost_heartbeat_opens_within_200_ms(check *c)
{
    for (uint32_t phase = 0; phase < 40; phase++) {
        rig r;
        rig_init(&r, 0);
        rig_ready(&r, c);
        rig_run(&r, phase);
        r.beats = false;
        uint32_t last = r.beat_ms;
        time_to_open(&r, 1000);
        CHECK(c, r.now_ms - last <= 200 && r.now_ms - last >= 150);
        rig_run(&r, 12);
        CHECK(c, rig_state8(&r, STATE_OPENED_BY) == CAUSE_HEARTBEAT);
    }
}

static void test_heartbeat_that_comes_too_late_does_not_hide_the_gap(check *c)
{
    rig r;
    rig_init(&r, 0);
    rig_ready(&r, c);
    r.beats = false;
    r.now_ms = r.beat_ms + 250; /* no tick in between: the program was held up */
    rig_send(&r, MESSAGE_HEARTBEAT, r.now_ms);
    CHECK(c, !rig_relay(&r));
    rig_run(&r, 10);
    CHECK(c, r.device.counters.late_ticks == 1);
}

static void test_deaf_host_does_not_keep_the_relay_closed(check *c)
{
    rig r;
    rig_init(&r, 0);
    rig_ready(&r, c);
    r.beats = false;
    uint32_t heard = r.now_ms;
    for (uint32_t i = 0; i < 40; i++) {
        rig_run(&r, 10);
        rig_send(&r, MESSAGE_HEARTBEAT, heard);
    }
    CHECK(c, !rig_relay(&r) && r.device.counters.stale > 0);
    rig_send(&r, MESSAGE_HEARTBEAT, r.now_ms + 1); /* from the future: of another boot */
    rig_run(&r, 1);
    CHECK(c, (r.device.host.beating) == false);
}

static void test_arming_is_refused_until_everything_is_well(check *c)
{
    rig r;
    rig_init(&r, 0);
    rig_run(&r, 100);
    CHECK(c, rig_arm(&r) == PENDANT_NO_SESSION && r.device.counters.no_session == 1);
    rig_send(&r, MESSAGE_HELLO, 1);
    CHECK(c, rig_arm(&r) == PENDANT_STOP_PRESENT); /* no heartbeat */
    rig_connect(&r, 1);
    rig_run(&r, 20);
    rig_send(&r, MESSAGE_ARM, rig_token(&r) + 1u);
    CHECK(c, r.reply[5] == PENDANT_BAD_TOKEN);
    rig_contacts(&r, INPUT_DEADMAN_HALF, 0);
    rig_run(&r, 20);
    CHECK(c, rig_arm(&r) == PENDANT_DEADMAN_PRESSED);
    rig_contacts(&r, 0, INPUT_DEADMAN_HALF | INPUT_ESTOP_B);
    rig_run(&r, 20);
    CHECK(c, rig_arm(&r) == PENDANT_STOP_PRESENT && !rig_relay(&r) && r.device.counters.refused == 4);
    rig_contacts(&r, INPUT_ESTOP_B, 0);
    rig_run(&r, 20);
    CHECK(c, rig_arm(&r) == PENDANT_STOP_PRESENT); /* closed for less than CLOSE_MS */
    rig_run(&r, 60);
    CHECK(c, rig_arm(&r) == PENDANT_OK);
}

static void test_half_relaxed_squeeze_does_not_allow_arming(check *c)
{
    rig r;
    rig_init(&r, 0);
    rig_ready(&r, c);
    rig_contacts(&r, INPUT_DEADMAN_HALF | INPUT_DEADMAN_FULL, 0);
    rig_run(&r, 50);
    rig_contacts(&r, 0, INPUT_DEADMAN_FULL);
    rig_run(&r, 50);
    CHECK(c, rig_arm(&r) == PENDANT_DEADMAN_PRESSED);
    rig_contacts(&r, 0, INPUT_DEADMAN_HALF);
    rig_run(&r, 50);
    CHECK(c, rig_arm(&r) == PENDANT_OK);
}

static void test_host_may_stop_and_a_new_session_stops(check *c)
{
    rig r;
    rig_init(&r, 0);
    rig_ready(&r, c);
    rig_send(&r, MESSAGE_STOP, 0);
    CHECK(c, !rig_relay(&r) && r.reply[4] == MESSAGE_STOP && r.reply[5] == PENDANT_OK);
    rig_run(&r, 20);
    CHECK(c, rig_state8(&r, STATE_OPENED_BY) == CAUSE_COMMAND && rig_arm(&r) == PENDANT_OK);
    rig_send(&r, MESSAGE_HELLO, 1); /* repeated, as after a lost WELCOME */
    CHECK(c, rig_relay(&r));
    rig_send(&r, MESSAGE_HELLO, 2);
    CHECK(c, !rig_relay(&r));
}

static void test_token_is_old_after_an_opening_and_in_a_new_session(check *c)
{
    rig r;
    rig_init(&r, 0);
    rig_ready(&r, c);
    uint16_t token = rig_token(&r);
    rig_contacts(&r, 0, ESTOP_CLOSED);
    rig_run(&r, 20);
    rig_contacts(&r, ESTOP_CLOSED, 0);
    rig_run(&r, 100);
    rig_send(&r, MESSAGE_ARM, token); /* asked for before the stop, arrives after it */
    CHECK(c, r.reply[5] == PENDANT_BAD_TOKEN);
    token = rig_token(&r);
    rig_connect(&r, 2); /* the relay is open already: nothing but the session changes */
    rig_send(&r, MESSAGE_ARM, token);
    rig_run(&r, 1);
    CHECK(c, r.reply[5] == PENDANT_BAD_TOKEN && !rig_relay(&r));
}

static void test_new_session_needs_its_own_heartbeat(check *c)
{
    rig r;
    rig_init(&r, 0);
    rig_ready(&r, c);
    r.beats = false;
    rig_send(&r, MESSAGE_HELLO, 2); /* the heartbeat of the session before is still fresh */
    CHECK(c, rig_arm(&r) == PENDANT_STOP_PRESENT);
}

static void test_everything_holds_when_the_clock_wraps(check *c)
{
    rig r;
    rig_init(&r, 0xFFFFFF00u);
    rig_ready(&r, c);
    rig_run(&r, 600); /* across the wrap */
    CHECK(c, rig_relay(&r));
    r.beats = false;
    time_to_open(&r, 1000);
    CHECK(c, r.now_ms - r.beat_ms <= 200);
}

static void test_lights_and_buzzer_say_what_is(check *c)
{
    rig r;
    rig_init(&r, 0);
    uint8_t seen = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        rig_run(&r, 1);
        seen |= r.outputs;
    }
    CHECK(c, seen == OUTPUT_RED); /* no host: double blink */
    rig_ready(&r, c);
    rig_run(&r, 700);
    CHECK(c, (r.outputs & (OUTPUT_GREEN | OUTPUT_RED | OUTPUT_BUZZER)) == OUTPUT_GREEN);
    rig_contacts(&r, 0, ESTOP_CLOSED);
    rig_run(&r, 2);
    CHECK(c, (r.outputs & (OUTPUT_RED | OUTPUT_BUZZER)) == (OUTPUT_RED | OUTPUT_BUZZER));
}

static void test_host_may_give_a_cue_once(check *c)
{
    rig r;
    rig_init(&r, 0);
    rig_ready(&r, c);
    rig_run(&r, 1000);
    r.beats = false;
    uint32_t sounding = 0;
    for (uint32_t i = 0; i < 8; i++) {
        uint8_t payload[9] = {PROTOCOL_VERSION, MESSAGE_HEARTBEAT};
        uint8_t wire[FRAME_WIRE_MAX];
        r.sequence++;
        payload[2] = (uint8_t)(r.sequence & 0xFFu);
        payload[4] = (uint8_t)(r.now_ms & 0xFFu);
        payload[5] = (uint8_t)(r.now_ms >> 8);
        payload[8] = 1;
        rig_bytes(&r, wire, frame_encode(payload, sizeof payload, wire, sizeof wire));
        for (uint32_t j = 0; j < 40; j++) {
            rig_run(&r, 1);
            sounding += (r.outputs & OUTPUT_BUZZER) != 0;
        }
    }
    CHECK(c, rig_relay(&r) && sounding > 40 && sounding <= STEP_MS);
}

void test_safety(check *c)
{
    test_relay_is_open_from_the_start_and_closes_only_when_armed(c);
    test_stop_opens_within_20_ms(c);
    test_bouncing_stop_opens_within_20_ms(c);
    test_squeezed_grip_opens_within_20_ms(c);
    test_lost_heartbeat_opens_within_200_ms(c);
    test_heartbeat_that_comes_too_late_does_not_hide_the_gap(c);
    test_deaf_host_does_not_keep_the_relay_closed(c);
    test_arming_is_refused_until_everything_is_well(c);
    test_half_relaxed_squeeze_does_not_allow_arming(c);
    test_host_may_stop_and_a_new_session_stops(c);
    test_token_is_old_after_an_opening_and_in_a_new_session(c);
    test_new_session_needs_its_own_heartbeat(c);
    test_everything_holds_when_the_clock_wraps(c);
    test_lights_and_buzzer_say_what_is(c);
    test_host_may_give_a_cue_once(c);
}
