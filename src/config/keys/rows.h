/* How rows of keys are written, and the list of sections: one file of this folder each, which gives
 * its rows as `keys` and ends in SECTION(name). */
#ifndef LM_CONFIG_KEYS_ROWS_H
#define LM_CONFIG_KEYS_ROWS_H

#include "checkpoint/checkpoint.h"
#include "config/keys.h"

/* In this order they are printed. */
#define LM_SECTIONS(X) \
    X(run) X(model) X(data) X(train) X(optimizer) X(schedule) X(eval) X(checkpoint) X(log) X(dist)
#define LM_SECTION_DECLARE(name_) extern const lm_section lm_section_##name_;
LM_SECTIONS(LM_SECTION_DECLARE)

#define SECTION(name_) \
    const lm_section lm_section_##name_ = {#name_, keys, sizeof keys / sizeof *keys}

/* clang-format off */
#define AT(member_) .offset = offsetof(lm_config, member_)
#define INTEGER(member_, low_, high_, default_) \
    .type = LM_KEY_INTEGER, AT(member_), .low = (low_), .high = (high_), .default_value = (default_)
#define REAL(member_, low_, high_, default_) \
    .type = LM_KEY_REAL, AT(member_), .low = (low_), .high = (high_), .default_value = (default_)
#define POSITIVE(member_, high_, default_) REAL(member_, 0, high_, default_), .above_low = true
#define BOOLEAN(member_, default_) .type = LM_KEY_BOOLEAN, AT(member_), .default_value = (default_)
#define STRING(member_) .type = LM_KEY_STRING, AT(member_), .default_value = ""
#define PATH(member_) STRING(member_), .is_path = true
#define SOURCES(member_, weighted_) \
    .type = LM_KEY_SOURCES, AT(member_), .default_value = "", .is_path = true, \
    .weighted = (weighted_)
#define GROUPS(member_) .type = LM_KEY_GROUPS, AT(member_), .default_value = "{}"
#define TABLES(member_) .type = LM_KEY_TABLES, AT(member_), .default_value = "[]"
#define SCHEDULE(member_, scale_, low_, high_) \
    .type = LM_KEY_SCHEDULE, AT(member_), .scale = (scale_), .low = (low_), .high = (high_), \
    .default_value = ""
/* A length; a list of numbers, each in the range. */
#define LENGTH(member_, default_) .type = LM_KEY_LENGTH, AT(member_), .default_value = (default_)
#define NUMBERS(member_, low_, high_) \
    .type = LM_KEY_NUMBERS, AT(member_), .low = (low_), .high = (high_), .default_value = "[]"
#define WHOLE .whole = true
#define LEGACY(value_) .legacy = (value_)
#define CHOICE(member_, choice_, default_) \
    .type = LM_KEY_CHOICE, AT(member_), .choice = (choice_), .default_value = (default_)
#define REQUIRED .required = true
#define MAY_CHANGE .may_change = true
#define IN_GROUPS .in_groups = true
#define NEUTRAL .may_change = true, .neutral = true
#define MAY_DIFFER .may_differ = true
#define MEANT .may_differ = true, .meant = true
#define IS_DATA .may_change = true, .is_data = true
#define TRY(values_) .trials = (values_)
#define WHEN(applies_, depends_) .applies = (applies_), .depends = (depends_)
#define AND_WHEN(depends_too_) .depends_too = (depends_too_)
/* clang-format on */

#define SIZE_MOST  2147483647.0
#define COUNT_MOST 9007199254740991.0 /* 2^53 - 1: a larger JSON number may mean its neighbour */
#define STEPS_MOST ((double)LM_CHECKPOINT_MAX_STEP)
#define TINY       1e-30 /* the least value where 0 is not allowed: less may become 0 in fp32 */

/* Is there validation data? (data.c) */
bool lm_config_validates(const lm_config *c);

#endif
