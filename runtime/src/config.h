/* What gt_start() was asked for, checked, with the environment applied. */
#ifndef GTI_CONFIG_H
#define GTI_CONFIG_H

#include "base.h"
#include "gt/gt.h"

/* Fill *ret with values in range. 0, or -EINVAL with the reason in why[size],
 * one line that names the field or the variable. */
int gti_config_resolve(const gt_config *config, gt_config *ret, char *why, size_t size);

/* A whole number from min to max out of the environment; false, with the reason
 * in why[size], if set to something else. *value is left alone when the
 * variable is not set. */
bool gti_config_number(const char *name, unsigned long long min, unsigned long long max,
                       unsigned long long *value, char *why, size_t size);

#endif
