# An order for the shell: in the first line its id, kind and seconds, then a variable for each parameter that is not null,
# `parameter_image_form='tar'`. A list is one value, a line for each of its members. jq takes its time to start: once an
# order is enough.
def flat($name): if type == "object" then to_entries[] | .key as $key | .value | flat("\($name)_\($key)")
  elif . == null then empty
  elif type == "array" then "\($name)=\(map(tostring) | join("\n") | @sh)"
  else "\($name)=\(tostring | @sh)" end;
"# \(.id) \(.kind) \(.timeoutSeconds | floor)", (.parameters | flat("parameter"))
