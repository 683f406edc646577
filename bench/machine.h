/* --list, --machine and --topology. */
#ifndef GREENBENCH_MACHINE_H
#define GREENBENCH_MACHINE_H

/* Each returns an exit status. */
int machine_list(void);
int machine_describe(void);
int machine_topology(const char *file);

/* True in an optimised build. */
extern const int machine_optimized;

#endif
