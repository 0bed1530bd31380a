#include "config/keys/rows.h"

bool lm_config_validates(const lm_config *c) {
    return c->data.val && *c->data.val;
}

/* clang-format off */
static const lm_key keys[] = {
    {"data.train", TEXT(data.train), REQUIRED, MAY_CHANGE,
     .help = "training tokens: a shard, a directory of shards, or a pattern"},
    {"data.val", TEXT(data.val), MAY_CHANGE, .help = "validation tokens, likewise; empty: no validation"},
    {"data.tokenizer", TEXT(data.tokenizer), .help = "empty: what the manifest of data.train says"},
    {"data.shuffle", BOOLEAN(data.shuffle, "true"),
     .help = "windows in a new order each epoch; false: in file order"},
};
/* clang-format on */
SECTION(data);
