#include <string.h>

#include "rig.h"

static void test_replayed_arm_does_not_close(check *c)
{
    rig r;
    rig_init(&r, 0);
    rig_run(&r, 100);
    rig_connect(&r, 1);
    rig_run(&r, 20);
    uint8_t wire[FRAME_WIRE_MAX];
    size_t count = rig_encode(&r, MESSAGE_ARM, rig_token(&r), wire);
    rig_bytes(&r, wire, count);
    rig_run(&r, 10);
    CHECK(c, rig_relay(&r));
    rig_contacts(&r, 0, ESTOP_CLOSED);
    rig_run(&r, 10);
    rig_contacts(&r, ESTOP_CLOSED, 0);
    rig_run(&r, 100);
    rig_bytes(&r, wire, count);
    rig_run(&r, 10);
    CHECK(c, !rig_relay(&r) && r.device.counters.replayed == 1);
}

static void test_replayed_session_does_not_close(check *c)
{
    uint8_t tape[1024];
    size_t recorded = 0;
    rig r;
    rig_init(&r, 0);
    rig_run(&r, 100);
    recorded += rig_encode(&r, MESSAGE_HELLO, 77, tape);
    rig_bytes(&r, tape, recorded);
    size_t count = rig_encode(&r, MESSAGE_HEARTBEAT, r.now_ms, tape + recorded);
    rig_bytes(&r, tape + recorded, count);
    recorded += count;
    count = rig_encode(&r, MESSAGE_ARM, rig_token(&r), tape + recorded);
    rig_bytes(&r, tape + recorded, count);
    recorded += count;
    rig_run(&r, 10);
    CHECK(c, rig_relay(&r));
    rig_connect(&r, 78); /* another host takes over */
    CHECK(c, !rig_relay(&r));
    rig_bytes(&r, tape, recorded); /* at once: the heartbeats in it are still fresh */
    rig_run(&r, 10);
    CHECK(c, !rig_relay(&r));
    rig_restart(&r, RESTART_POWER);
    rig_run(&r, 100);
    rig_bytes(&r, tape, recorded);
    rig_run(&r, 10);
    CHECK(c, !rig_relay(&r));
}

static void test_garbled_arm_does_not_close(check *c)
{
    rig r;
    rig_init(&r, 0);
    rig_run(&r, 100);
    rig_connect(&r, 1);
    rig_run(&r, 20);
    r.beats = false; /* a later number would make the whole ARM a replay; it lasts 180 ms without */
    uint8_t wire[FRAME_WIRE_MAX];
    size_t count = rig_encode(&r, MESSAGE_ARM, rig_token(&r), wire);
    for (size_t bit = 0; bit < 8 * count; bit++) {
        uint8_t bad[FRAME_WIRE_MAX];
        memcpy(bad, wire, count);
        bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
        rig_bytes(&r, bad, count);
        rig_bytes(&r, (const uint8_t[]){0}, 1);
        rig_run(&r, 1);
        CHECK(c, !rig_relay(&r));
    }
    rig_bytes(&r, wire, count);
    rig_run(&r, 1);
    CHECK(c, rig_relay(&r));
    const pendant_counters *n = &r.device.counters;
    CHECK(c, n->bad_crc + n->bad_code >= 8 * (count - 2));
}

static void test_missing_numbers_are_counted(check *c)
{
    rig r;
    rig_init(&r, 0);
    rig_run(&r, 100);
    rig_connect(&r, 1);
    r.beats = false;
    r.sequence = (uint16_t)(r.sequence + 5u);
    rig_send(&r, MESSAGE_QUERY, 0);
    CHECK(c, r.device.counters.lost == 5);
    CHECK(c, r.counters[4 + 4] == 5 && r.counters[4] == 3); /* COUNTERS says the same: hello, heartbeat, query */
    r.sequence = (uint16_t)(r.sequence - 3u);
    rig_send(&r, MESSAGE_QUERY, 0);
    CHECK(c, r.device.counters.replayed == 1 && r.device.counters.lost == 5);
    r.sequence = (uint16_t)(r.sequence + 0x8001u);
    rig_send(&r, MESSAGE_QUERY, 0);
    CHECK(c, r.device.counters.replayed == 2); /* as far ahead as behind: not trusted */
}

static void test_flood_is_dropped_and_delays_nothing(check *c)
{
    rig r;
    rig_init(&r, 0);
    rig_ready(&r, c);
    for (uint32_t ms = 0; ms < 300; ms++) {
        for (uint32_t i = 0; i < 50; i++) {
            rig_send(&r, MESSAGE_HEARTBEAT, r.now_ms);
        }
        rig_run(&r, 1);
    }
    CHECK(c, rig_relay(&r) && r.device.counters.flooded > 14000);
    rig_contacts(&r, 0, INPUT_ESTOP_A);
    for (uint32_t i = 0; i < 1000; i++) {
        rig_send(&r, MESSAGE_HEARTBEAT, r.now_ms);
    }
    rig_run(&r, 1);
    CHECK(c, !rig_relay(&r));
}

static void test_blocked_line_drops_whole_frames_and_counts_them(check *c)
{
    rig r;
    rig_init(&r, 0);
    rig_ready(&r, c);
    r.room = 10; /* in the middle of a frame */
    rig_run(&r, 1000);
    uint32_t dropped = r.device.counters.send_dropped;
    CHECK(c, dropped > 50 && rig_relay(&r));
    r.room = SIZE_MAX;
    r.gaps = 0;
    rig_run(&r, 100);
    CHECK(c, r.bad == 0 && r.gaps == dropped);
    CHECK(c, r.device.counters.send_dropped == dropped);
}

static void test_slow_line_delivers_everything(check *c)
{
    rig r;
    rig_init(&r, 0);
    uint32_t before = r.device.counters.send_dropped;
    for (uint32_t i = 0; i < 1000; i++) {
        r.room = 7; /* bytes a millisecond */
        rig_run(&r, 1);
    }
    CHECK(c, r.frames > 90 && r.gaps == 0 && r.bad == 0 && r.device.counters.send_dropped == before);
}

static void test_other_versions_and_types_are_counted_and_hello_answered(check *c)
{
    rig r;
    rig_init(&r, 0);
    const uint8_t hello[8] = {PROTOCOL_VERSION + 1u, MESSAGE_HELLO};
    const uint8_t beat[9] = {PROTOCOL_VERSION + 1u, MESSAGE_HEARTBEAT};
    const uint8_t strange[4] = {PROTOCOL_VERSION, 0x55};
    uint8_t wire[FRAME_WIRE_MAX];
    rig_bytes(&r, wire, frame_encode(hello, sizeof hello, wire, sizeof wire));
    CHECK(c, r.welcome[0] == PROTOCOL_VERSION && r.welcome[1] == MESSAGE_WELCOME && !r.device.host.open);
    rig_bytes(&r, wire, frame_encode(beat, sizeof beat, wire, sizeof wire));
    rig_bytes(&r, wire, frame_encode(strange, sizeof strange, wire, sizeof wire));
    CHECK(c, r.device.counters.bad_version == 2 && r.device.counters.bad_type == 1);
    for (uint32_t i = 0; i < 300; i++) {
        rig_bytes(&r, (const uint8_t[]){0x11}, 1);
    }
    rig_bytes(&r, (const uint8_t[]){0, 9, 1, 0}, 4);
    CHECK(c, r.device.counters.too_long == 1 && r.device.counters.bad_code == 1);
    pendant_note_overrun(&r.device);
    CHECK(c, r.device.counters.receive_overruns == 1);
}

static void test_state_comes_every_10_ms_and_with_every_heartbeat(check *c)
{
    rig r;
    rig_init(&r, 0);
    rig_run(&r, 1000);
    CHECK(c, r.frames >= 99 && r.frames <= 101);
    rig_connect(&r, 1);
    r.beats = false;
    uint32_t before = r.frames;
    rig_send(&r, MESSAGE_HEARTBEAT, r.now_ms);
    CHECK(c, r.frames == before + 1);
    CHECK(c, (r.state[8] | r.state[9] << 8) == r.sequence); /* names the frame that it answers */
}

void test_line(check *c)
{
    test_replayed_arm_does_not_close(c);
    test_replayed_session_does_not_close(c);
    test_garbled_arm_does_not_close(c);
    test_missing_numbers_are_counted(c);
    test_flood_is_dropped_and_delays_nothing(c);
    test_blocked_line_drops_whole_frames_and_counts_them(c);
    test_slow_line_delivers_everything(c);
    test_other_versions_and_types_are_counted_and_hello_answered(c);
    test_state_comes_every_10_ms_and_with_every_heartbeat(c);
}
