#!lua flags=allow-oom
-- Records a loss of messages, if it is not recorded yet.
if hasLostMessages() then recordLoss() end
return 1
