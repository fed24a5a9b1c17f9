/* What the pendant's own source files share; nothing for ports. pendant.c decides, report.c tells, commands.c obeys. */
#ifndef PENDANT_INTERNAL_H
#define PENDANT_INTERNAL_H

#include "pendant/pendant.h"

static inline bool has(uint32_t bits, uint32_t bit)
{
    return (bits & bit) != 0;
}

/* pendant.c */
uint8_t pendant_causes(pendant *self, uint32_t now_ms);
/* Opens the relay where there is a cause, at once, down to the pin. */
void pendant_guard(pendant *self, uint8_t causes, uint32_t now_ms);
void pendant_store(pendant *self);

/* report.c */
void report_state(pendant *self, uint32_t now_ms);
void report_welcome(pendant *self, uint32_t now_ms);
void report_counters(pendant *self);
void report_reply(pendant *self, const host_message *message, pendant_status status);

/* commands.c */
void command_take_byte(pendant *self, uint8_t byte, uint32_t now_ms);

#endif
