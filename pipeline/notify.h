/*
 * notify.h - telling the service manager (systemd) how we are
 *
 * Nothing happens unless it has asked, by NOTIFY_SOCKET in the environment.
 */
#ifndef WEFT_PIPELINE_NOTIFY_H
#define WEFT_PIPELINE_NOTIFY_H

#include "pipeline.h"

/* "READY=1", "STOPPING=1"; several with newlines between.  0, or a negative errno. */
int	notify_send(const char *state);
int	notify_reloading(void);		/* READY=1 ends it */
/*
 * Says that we live, as often as the manager's watchdog wants, until life ends.  A pipeline whose
 * outputs take nothing lives, and waits; one whose locks nobody can have any more does not.
 */
void	notify_watch(weft_ctx *life, weft_pipeline *p);

#endif
