/* Its symbol's size is the RAM of one pendant on the target. */
#include "pendant/pendant.h"

pendant pendant_context;
