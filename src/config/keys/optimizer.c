#include "config/keys/rows.h"

#define USES(option, bit)                                         \
    static bool uses_##option(const lm_config *c) {               \
        return (lm_optimizer_uses(c->optimizer.kind) & bit) != 0; \
    }
USES(beta1, LM_USES_BETA1)
USES(beta2, LM_USES_BETA2)
USES(eps, LM_USES_EPS)
USES(momentum, LM_USES_MOMENTUM)
USES(weight_decay, LM_USES_WEIGHT_DECAY)

/* clang-format off */
static const lm_key keys[] = {
    {"optimizer.name", CHOICE(optimizer.kind, lm_optimizer_name, "adamw"), IN_GROUPS,
     .help = "How gradients update the weights (momentum: Polyak 1964; "
             "adam: Kingma & Ba 2015; adamw: Loshchilov & Hutter 2019)."},
    {"optimizer.lr", POSITIVE(optimizer.lr, 1e6, "0.001"), MAY_CHANGE, IN_GROUPS,
     .help = "Learning rate at the top of the schedule."},
    {"optimizer.beta1", REAL(optimizer.beta1, 0, 0.9999999, "0.9"), MAY_CHANGE, IN_GROUPS,
     WHEN(uses_beta1, "optimizer.name"), .help = "Decay of the first moment."},
    {"optimizer.beta2", REAL(optimizer.beta2, 0, 0.9999999, "0.99"), MAY_CHANGE, IN_GROUPS,
     WHEN(uses_beta2, "optimizer.name"), .help = "Decay of the second moment."},
    {"optimizer.eps", REAL(optimizer.eps, TINY, 1, "1e-08"), MAY_CHANGE, IN_GROUPS,
     WHEN(uses_eps, "optimizer.name"), .help = "Added to the root of the second moment."},
    {"optimizer.momentum", REAL(optimizer.momentum, 0, 0.9999999, "0.9"), MAY_CHANGE, IN_GROUPS,
     WHEN(uses_momentum, "optimizer.name"),
     .help = "Share of the sum of past gradients that a step keeps: v <- momentum v + g, "
             "w <- w - lr v."},
    {"optimizer.weight_decay", REAL(optimizer.weight_decay, 0, 1e6, "0.1"), MAY_CHANGE, IN_GROUPS,
     WHEN(uses_weight_decay, "optimizer.name"),
     .help = "Each step shrinks every array of two dimensions (matrices, embeddings, the head) by "
             "this share times the learning rate; norms and biases stay. Given in a group: all "
             "rows of the group."},
    {"optimizer.groups", GROUPS(groups), MAY_CHANGE,
     .help = "Parameters with values of their own: {\"embed\": {\"match\": \"wte.*\", "
             "\"lr\": 0.01}}. `match`: names of arrays, * for any characters, several separated "
             "by commas; queries are h.*.attn.qkv.q.weight (keys k, values v), a head "
             "h.*.attn.qkv.q.0.weight. The first group that matches an array has it. lr replaces "
             "optimizer.lr, `lr_scale` multiplies it, and the schedule applies to both. Other "
             "keys as they are called in optimizer. --set optimizer.groups.embed.lr=0.02 changes "
             "one value."},
};
/* clang-format on */
SECTION(optimizer);
