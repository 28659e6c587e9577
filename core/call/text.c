// SPDX-License-Identifier: Apache-2.0
#include <sotto/device.h>

const char *sotto_end_text(enum sotto_end end)
{
    switch (end) {
    case SOTTO_END_NONE:
        return "The call goes on.";
    case SOTTO_END_HANGUP:
        return "You hung up.";
    case SOTTO_END_PEER_HANGUP:
        return "The other side hung up.";
    case SOTTO_END_DECLINED:
        return "The call was declined.";
    case SOTTO_END_WE_DECLINED:
        return "You declined the call.";
    case SOTTO_END_BUSY:
        return "The line is busy. Try again later.";
    case SOTTO_END_NO_ANSWER:
        return "Nobody answered.";
    case SOTTO_END_CANCELLED:
        return "The caller gave up before the answer.";
    case SOTTO_END_UNAVAILABLE:
        return "This number cannot be called: it is unknown, withdrawn, expired or used up. "
               "Ask its owner for a new one.";
    case SOTTO_END_OFFLINE:
        return "The number is good, but none of its owner's devices is connected. "
               "Try again later.";
    case SOTTO_END_REFUSED:
        return "The owner's device refused the call: this number belongs to another device, or "
               "its terms do not allow the call. Ask the owner to rebind it or for a new one.";
    case SOTTO_END_WRONG_PEER:
        return "Whoever answered is not the person this number belongs to. Nothing was said. "
               "Ask the owner for a new number by another way.";
    case SOTTO_END_SUITE:
        return "The other side does not speak the chosen suite. Use the same --suite on both "
               "sides.";
    case SOTTO_END_PROTOCOL:
        return "The other side broke the protocol, and the call was ended for safety. Check that "
               "both sides run the same version.";
    case SOTTO_END_WORDS:
        return "The words differ: somebody may be in between. Nothing said here was private. "
               "Do not use this number again.";
    case SOTTO_END_REKEY:
        return "The call's keys could not be renewed in time, and it was ended for safety. "
               "Call again.";
    case SOTTO_END_LOST:
        return "There is no sign of the other side any more. Call again.";
    case SOTTO_END_DROPPED:
        return "The connection to the relay was interrupted, and the call ended with it. Call "
               "again.";
    case SOTTO_END_TIMEOUT:
        return "The other side's device did not answer in time. Try again.";
    case SOTTO_END_LIMIT:
        return "Too many attempts. Wait a minute and try again.";
    case SOTTO_END_LINK:
        return "The relay cannot be reached. Check the network, then run: sotto doctor";
    case SOTTO_END_STORAGE:
        return "The call was not let in, because this device cannot write its store. "
               "Free some disk space, then run: sotto doctor";
    case SOTTO_END_GLARE:
        return "You called each other at the same moment; the other call goes on.";
    case SOTTO_END_INTERNAL:
        return "Something went wrong on this device. Try again, then run: sotto doctor";
    }
    return "The call ended.";
}
