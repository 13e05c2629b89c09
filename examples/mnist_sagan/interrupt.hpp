#pragma once

namespace trainer {

/// From here on the first SIGINT or SIGTERM only asks the program to stop; the next one kills it.
void catch_interrupts();

/// The signal that asked the program to stop; 0 before.
int interrupted();

}  // namespace trainer
