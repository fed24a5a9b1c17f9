/* The pendant as a Linux program: a pseudo-terminal for the host, another for the bench (ports/bench), and scripts.
 *
 *   pendant-host [--script FILE] [--latch FILE]
 *
 * It prints `link PATH` and `bench PATH` and runs until SIGTERM or SIGINT. A script holds one line for
 * each change of a contact, in the order of time: milliseconds since the start, name, `closed` or `open`; for example
 * `1500 success closed`. Names: half full estop_a estop_b success failure undo. `#` begins a comment. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define SCRIPT_LINES 1024u

typedef struct {
    uint32_t at_ms;
    uint8_t contact;
    bool closed;
} change;

typedef struct {
    bench hand;
    int link;
    int bench_line;
    const char *latch_path;
    change script[SCRIPT_LINES];
    size_t script_length;
    size_t script_next;
} program;

static volatile sig_atomic_t stop_asked;

static void ask_to_stop(int signal_number)
{
    (void)signal_number;
    stop_asked = 1;
}

static void give_up(const char *what)
{
    fprintf(stderr, "pendant-host: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint32_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)((uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u);
}

/* Opens a pseudo-terminal and prints its name. The near end stays open here, so that a reader may come and go. */
static int open_line(const char *name)
{
    int line = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (line < 0 || grantpt(line) != 0 || unlockpt(line) != 0) {
        give_up("pseudo-terminal");
    }
    const char *path = ptsname(line);
    int near = open(path, O_RDWR | O_NOCTTY);
    struct termios raw;
    if (near < 0 || tcgetattr(near, &raw) != 0) {
        give_up(path);
    }
    cfmakeraw(&raw);
    if (tcsetattr(near, TCSANOW, &raw) != 0) {
        give_up(path);
    }
    printf("%s %s\n", name, path);
    return line;
}

static size_t write_some(int line, const uint8_t *bytes, size_t count)
{
    ssize_t written = write(line, bytes, count);
    return written > 0 ? (size_t)written : 0;
}

static size_t send(void *context, const uint8_t *bytes, size_t count)
{
    const program *self = context;
    return write_some(self->link, bytes, count);
}

static void report(void *context, const uint8_t bytes[BENCH_REPORT])
{
    const program *self = context;
    (void)write_some(self->bench_line, bytes, BENCH_REPORT); /* there may be no reader */
}

static uint8_t read_inputs(void *context)
{
    const program *self = context;
    return bench_inputs(&self->hand);
}

static void write_outputs(void *context, uint8_t outputs)
{
    program *self = context;
    bench_outputs(&self->hand, outputs, now_ms());
}

static bool load(void *context, uint8_t bytes[LATCH_BYTES])
{
    const program *self = context;
    memset(bytes, 0, LATCH_BYTES);
    FILE *file = self->latch_path != NULL ? fopen(self->latch_path, "rb") : NULL;
    if (file == NULL) {
        return self->latch_path == NULL || errno == ENOENT;
    }
    bool fine = fread(bytes, LATCH_BYTES, 1, file) == 1;
    fclose(file);
    return fine;
}

static bool store(void *context, const uint8_t bytes[LATCH_BYTES])
{
    const program *self = context;
    if (self->latch_path == NULL) {
        return true;
    }
    FILE *file = fopen(self->latch_path, "wb");
    if (file == NULL) {
        return false;
    }
    bool fine = fwrite(bytes, LATCH_BYTES, 1, file) == 1;
    return fclose(file) == 0 && fine;
}

static void feed_watchdog(void *context)
{
    (void)context; /* a process has none */
}

static bool parse_change(const char *line, change *out)
{
    static const char *const NAMES[] = {"half", "full", "estop_a", "estop_b", "success", "failure", "undo"};
    char name[16], state[16];
    if (sscanf(line, "%u %15s %15s", &out->at_ms, name, state) != 3) {
        return false;
    }
    out->contact = 0;
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (strcmp(name, NAMES[i]) == 0) {
            out->contact = (uint8_t)(1u << i);
        }
    }
    out->closed = strcmp(state, "closed") == 0;
    return out->contact != 0 && (out->closed || strcmp(state, "open") == 0);
}

static void read_script(program *self, const char *path)
{
    char line[128];
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        give_up(path);
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '#' || line[0] == '\n') {
            continue;
        }
        if (self->script_length == SCRIPT_LINES || !parse_change(line, &self->script[self->script_length++])) {
            fprintf(stderr, "pendant-host: script: got %s", line);
            exit(2);
        }
    }
    fclose(file);
}

static void play(program *self, uint32_t since_start_ms)
{
    while (self->script_next < self->script_length && self->script[self->script_next].at_ms <= since_start_ms) {
        const change *next = &self->script[self->script_next++];
        uint32_t contacts = self->hand.contacts | next->contact;
        self->hand.contacts = (uint8_t)(next->closed ? contacts : contacts & ~(uint32_t)next->contact);
    }
}

static void receive(program *self, pendant *device)
{
    uint8_t bytes[64];
    ssize_t count = read(self->link, bytes, sizeof bytes);
    pendant_receive(device, bytes, count > 0 ? (size_t)count : 0, now_ms());
    count = read(self->bench_line, bytes, sizeof bytes);
    for (ssize_t i = 0; i < count; i++) {
        bench_take(&self->hand, bytes[i], now_ms());
    }
}

static void run(program *self)
{
    pendant device;
    pendant_hal hal = {self, read_inputs, write_outputs, send, load, store, feed_watchdog};
    uint32_t start_ms = now_ms();
    uint32_t last_ms = start_ms;
    pendant_init(&device, hal, RESTART_POWER, start_ms);
    bench_started(&self->hand, RESTART_POWER, start_ms);
    while (!stop_asked && !self->hand.hang) {
        struct pollfd lines[] = {{.fd = self->link, .events = POLLIN}, {.fd = self->bench_line, .events = POLLIN}};
        (void)poll(lines, 2, 1);
        receive(self, &device);
        play(self, now_ms() - start_ms);
        if (now_ms() != last_ms) {
            last_ms = now_ms();
            pendant_tick(&device, last_ms);
        }
    }
}

static void stop_on(int signal_number)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = ask_to_stop;
    (void)sigaction(signal_number, &action, NULL);
}

int main(int count, char **words)
{
    static program self; /* 8 KiB of script; zero from the start */
    bench_init(&self.hand, report, &self);
    for (int i = 1; i < count; i += 2) {
        if (i + 1 < count && strcmp(words[i], "--script") == 0) {
            read_script(&self, words[i + 1]);
        } else if (i + 1 < count && strcmp(words[i], "--latch") == 0) {
            self.latch_path = words[i + 1];
        } else {
            fprintf(stderr, "usage: pendant-host [--script FILE] [--latch FILE]\n");
            return 2;
        }
    }
    stop_on(SIGTERM);
    stop_on(SIGINT);
    self.link = open_line("link");
    self.bench_line = open_line("bench");
    fflush(stdout);
    run(&self);
    return 0;
}
