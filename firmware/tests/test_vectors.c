/* Reads tests/vectors/protocol.txt, the same file that the Python tests read. */
#include <stddef.h>
#include <string.h>

#include "check.h"
#include "pendant/frame.h"
#include "pendant/protocol.h"

#define WORDS_MAX 24u
#define BYTES_MAX 256u

extern const char golden_vectors[];

typedef struct {
    const char *start;
    size_t length;
} word;

typedef struct {
    word words[WORDS_MAX];
    size_t count;
} row;

static bool is(word w, const char *text)
{
    return strlen(text) == w.length && memcmp(w.start, text, w.length) == 0;
}

static uint32_t number(word w)
{
    uint32_t value = 0;
    for (size_t i = 0; i < w.length; i++) {
        value = value * 10u + (uint32_t)(w.start[i] - '0');
    }
    return value;
}

static uint8_t digit(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static size_t bytes(word w, uint8_t *out)
{
    if (is(w, "-")) {
        return 0;
    }
    for (size_t i = 0; i < w.length / 2; i++) {
        out[i] = (uint8_t)(digit(w.start[2 * i]) << 4 | digit(w.start[2 * i + 1]));
    }
    return w.length / 2;
}

/* Splits one line; returns where the next one begins. */
static const char *split(const char *line, row *out)
{
    out->count = 0;
    while (*line != '\n' && *line != '\0') {
        const char *end = line;
        while (*end != ' ' && *end != '\n' && *end != '\0') {
            end++;
        }
        if (end > line && out->count < WORDS_MAX) {
            out->words[out->count++] = (word){line, (size_t)(end - line)};
        }
        line = *end == ' ' ? end + 1 : end;
    }
    return *line == '\n' ? line + 1 : line;
}

static frame_status push_all(frame_reader *reader, const uint8_t *wire, size_t count)
{
    frame_status status = FRAME_NONE;
    for (size_t i = 0; i < count; i++) {
        status = frame_reader_push(reader, wire[i]);
    }
    return status;
}

static void check_frame(check *c, const row *r)
{
    uint8_t payload[BYTES_MAX], wire[BYTES_MAX], coded[FRAME_WIRE_MAX];
    size_t length = bytes(r->words[1], payload);
    size_t count = bytes(r->words[2], wire);
    CHECK(c, frame_encode(payload, length, coded, sizeof coded) == count);
    CHECK(c, memcmp(coded, wire, count) == 0);
    frame_reader reader;
    frame_reader_init(&reader);
    CHECK(c, push_all(&reader, wire, count) == FRAME_READY);
    CHECK(c, reader.length == length && memcmp(reader.payload, payload, length) == 0);
}

static void check_rejection(check *c, const row *r)
{
    uint8_t wire[BYTES_MAX];
    size_t count = bytes(r->words[1], wire);
    frame_reader reader;
    frame_reader_init(&reader);
    frame_status status = push_all(&reader, wire, count);
    CHECK(c, status == FRAME_BAD_CODE ? is(r->words[2], "bad_code")
                                      : is(r->words[2], status == FRAME_BAD_CRC ? "bad_crc" : "too_long"));
    CHECK(c, status != FRAME_NONE && status != FRAME_READY);
}

static void check_refusal(check *c, const row *r)
{
    uint8_t payload[BYTES_MAX];
    host_message message;
    parse_status status = protocol_parse(payload, bytes(r->words[1], payload), &message);
    const char *name = status == PARSE_BAD_VERSION ? "bad_version" : status == PARSE_BAD_TYPE ? "bad_type" : "bad_length";
    CHECK(c, status != PARSE_OK && is(r->words[2], name));
}

static void check_host(check *c, const row *r, message_type type)
{
    uint8_t payload[BYTES_MAX];
    host_message m;
    size_t length = bytes(r->words[r->count - 1], payload);
    CHECK(c, protocol_parse(payload, length, &m) == PARSE_OK);
    CHECK(c, m.type == type && m.version == PROTOCOL_VERSION && m.sequence == number(r->words[1]));
    bool has_value = r->count > 3;
    uint32_t first = has_value ? number(r->words[2]) : 0;
    uint32_t got = type == MESSAGE_HELLO ? m.nonce : type == MESSAGE_HEARTBEAT ? m.echo_ms : m.token;
    CHECK(c, got == first);
    CHECK(c, type != MESSAGE_HEARTBEAT || m.cue == number(r->words[3]));
}

static size_t write_welcome(const row *r, uint8_t *payload)
{
    const word *w = &r->words[2];
    welcome_message m = {.nonce = number(w[0]), .time_ms = number(w[1]), .boots = (uint16_t)number(w[2]),
                         .heartbeat_ms = (uint16_t)number(w[3]), .restart = (uint8_t)number(w[7])};
    return protocol_write_welcome(payload, (uint16_t)number(r->words[1]), &m);
}

static size_t write_state(const row *r, uint8_t *payload)
{
    const word *w = &r->words[2];
    state_message m = {.time_ms = number(w[0]), .host_sequence = (uint16_t)number(w[1]), .token = (uint16_t)number(w[2]),
                       .inputs = (uint8_t)number(w[3]), .outputs = (uint8_t)number(w[4]),
                       .deadman = (uint8_t)number(w[5]), .flags = (uint8_t)number(w[6]),
                       .causes = (uint8_t)number(w[7]), .opened_by = (uint8_t)number(w[8]),
                       .faults = (uint8_t)number(w[9]), .event_count = (uint8_t)number(w[10]), .events = number(w[11])};
    return protocol_write_state(payload, (uint16_t)number(r->words[1]), &m);
}

static size_t write_reply(const row *r, uint8_t *payload)
{
    const word *w = &r->words[2];
    reply_message m = {.type = (uint8_t)number(w[0]), .status = (uint8_t)number(w[1]), .sequence = (uint16_t)number(w[2])};
    return protocol_write_reply(payload, (uint16_t)number(r->words[1]), &m);
}

static size_t write_counters(const row *r, uint8_t *payload)
{
    uint32_t values[COUNTER_COUNT];
    for (size_t i = 0; i < COUNTER_COUNT; i++) {
        values[i] = number(r->words[2 + i]);
    }
    pendant_counters m;
    memcpy(&m, values, sizeof m);
    return protocol_write_counters(payload, (uint16_t)number(r->words[1]), &m);
}

static void check_device(check *c, const row *r, size_t (*write)(const row *, uint8_t *))
{
    uint8_t expected[BYTES_MAX], payload[FRAME_PAYLOAD_MAX];
    size_t length = bytes(r->words[r->count - 1], expected);
    CHECK(c, write(r, payload) == length && memcmp(payload, expected, length) == 0);
    host_message m; /* what the device says is never taken for a command */
    CHECK(c, protocol_parse(payload, length, &m) == PARSE_BAD_TYPE);
}

static void check_crc(check *c, const row *r)
{
    uint8_t data[BYTES_MAX];
    size_t count = bytes(r->words[1], data);
    CHECK(c, frame_crc16(data, count) == number(r->words[2]));
}

static bool check_message(check *c, const row *r)
{
    static const struct {
        const char *name;
        message_type type;
    } HOST[] = {{"hello", MESSAGE_HELLO}, {"heartbeat", MESSAGE_HEARTBEAT}, {"arm", MESSAGE_ARM},
                {"clear", MESSAGE_CLEAR}, {"stop", MESSAGE_STOP},           {"query", MESSAGE_QUERY}};
    static const struct {
        const char *name;
        size_t (*write)(const row *, uint8_t *);
    } DEVICE[] = {{"welcome", write_welcome}, {"state", write_state}, {"reply", write_reply}, {"counters", write_counters}};
    for (size_t i = 0; i < sizeof HOST / sizeof HOST[0]; i++) {
        if (is(r->words[0], HOST[i].name)) {
            check_host(c, r, HOST[i].type);
            return true;
        }
    }
    for (size_t i = 0; i < sizeof DEVICE / sizeof DEVICE[0]; i++) {
        if (is(r->words[0], DEVICE[i].name)) {
            check_device(c, r, DEVICE[i].write);
            return true;
        }
    }
    return false;
}

static void check_row(check *c, const row *r)
{
    if (is(r->words[0], "crc")) {
        check_crc(c, r);
    } else if (is(r->words[0], "frame")) {
        check_frame(c, r);
    } else if (is(r->words[0], "reject")) {
        check_rejection(c, r);
    } else if (is(r->words[0], "refuse")) {
        check_refusal(c, r);
    } else {
        CHECK(c, check_message(c, r));
    }
}

void test_vectors(check *c)
{
    uint32_t rows = 0;
    row r;
    for (const char *at = golden_vectors; *at != '\0';) {
        at = split(at, &r);
        if (r.count > 0 && r.words[0].start[0] != '#') {
            check_row(c, &r);
            rows++;
        }
    }
    CHECK(c, rows > 50);
}
