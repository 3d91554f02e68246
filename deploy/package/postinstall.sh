#!/bin/sh
# The user, whom /etc/barrage is readable to, and the unit. Nothing is started: the first time that is for an operator
# who has read the configuration. An upgrade restarts a node that runs, which sends its clients to others first.
set -e
systemd-sysusers --root="${DPKG_ROOT:-/}" barrage.conf
if [ -z "$DPKG_ROOT" ]; then
  chgrp barrage /etc/barrage /etc/barrage/config.yaml
fi
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  systemctl try-restart barrage.service
fi
