/* Schedules in configs: an object, or the name of a shape. */
#ifndef LM_CONFIG_SCHEDULES_H
#define LM_CONFIG_SCHEDULES_H

#include "config/keys.h"

/* As an object of the members that the config gives; null when it is not given. */
void lm_schedule_write(const lm_schedule *s, lm_json_writer *w, const char *name);
/* A length as a key or a schedule has it: steps are a number, others a text. */
void lm_schedule_write_length(const lm_length *l, lm_json_writer *w, const char *name);
/* Its member "type" in a JSON Schema. */
void lm_schedule_write_length_types(lm_json_writer *w);
/* Members of a JSON Schema that describe the key's values. */
void lm_schedule_write_schema(const lm_key *k, lm_json_writer *w);
/* A schedule that is given without a warm-up gets one of so many steps. */
void lm_schedule_default_warmup(lm_schedule *s, int64_t steps);

#endif
