#include "config/keys/rows.h"

bool lm_config_validates(const lm_config *c) {
    return c->data.val && *c->data.val;
}

/* clang-format off */
static const lm_key keys[] = {
    {"data.train", STRING(data.train), REQUIRED, IS_DATA,
     .help = "Training tokens: a shard, a directory of shards, or a pattern. A resumed run may "
             "find them under another path, but they must be the same."},
    {"data.val", STRING(data.val), IS_DATA,
     .help = "Validation tokens: likewise. Empty: no validation."},
    {"data.tokenizer", STRING(data.tokenizer),
     .help = "Name of the tokenizer. Empty: what the manifest of data.train says."},
    {"data.shuffle", BOOLEAN(data.shuffle, "true"),
     .help = "Windows come in a new order in each epoch. false: in file order."},
};
/* clang-format on */
SECTION(data);
