/* outformat.c - the names of formats that outputs write */
#include <strings.h>

#include "pipeline.h"

int
weft_output_format_parse(const char *name)
{
	static const char *const names[] = {
		[WEFT_OUTPUT_AUTO] = "auto", [WEFT_OUTPUT_JSON] = "json",
		[WEFT_OUTPUT_LOGFMT] = "logfmt", [WEFT_OUTPUT_TEXT] = "text",
		[WEFT_OUTPUT_PRETTY] = "pretty", [WEFT_OUTPUT_RAW] = "raw",
		[WEFT_OUTPUT_SYSLOG] = "syslog", [WEFT_OUTPUT_SYSLOG_BSD] = "syslog_bsd",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasecmp(name, names[i]) == 0)
			return i;
	return -EINVAL;
}
