/* Messages to the host, queued on the line. */
#ifndef PENDANT_REPORT_H
#define PENDANT_REPORT_H

#include "pendant/state.h"

void report_state(pendant *self, uint32_t now_ms);
void report_welcome(pendant *self, uint32_t now_ms);
void report_counters(pendant *self);
void report_reply(pendant *self, const host_message *message, pendant_status status);

#endif
