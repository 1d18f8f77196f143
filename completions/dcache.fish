# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_dcache_global_optspecs
    string join \n c/context= endpoint= o/output= no-headers columns= timeout= y/yes confirm= no-input q/quiet v/verbose color= h/help V/version
end

function __fish_dcache_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_dcache_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_dcache_using_subcommand
    set -l cmd (__fish_dcache_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c dcache -n "__fish_dcache_needs_command" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_needs_command" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_needs_command" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_needs_command" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_needs_command" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_needs_command" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_needs_command" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_needs_command" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_needs_command" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_needs_command" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_needs_command" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_needs_command" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_needs_command" -s V -l version -d 'Print version'
complete -c dcache -n "__fish_dcache_needs_command" -f -a "get" -d 'Print the value of a key, exactly its bytes'
complete -c dcache -n "__fish_dcache_needs_command" -f -a "mget" -d 'Get many keys at once'
complete -c dcache -n "__fish_dcache_needs_command" -f -a "set" -d 'Set a key to a value, the bytes of stdin or those of a file'
complete -c dcache -n "__fish_dcache_needs_command" -f -a "del" -d 'Delete keys, or all keys that match a pattern'
complete -c dcache -n "__fish_dcache_needs_command" -f -a "exists" -d 'Tell whether keys exist'
complete -c dcache -n "__fish_dcache_needs_command" -f -a "ttl" -d 'Show or change how long a key has to live'
complete -c dcache -n "__fish_dcache_needs_command" -f -a "incr" -d 'Add to the number a key holds, 0 if it does not exist'
complete -c dcache -n "__fish_dcache_needs_command" -f -a "scan" -d 'List keys'
complete -c dcache -n "__fish_dcache_needs_command" -f -a "node" -d 'Start a node on this machine, list and show nodes'
complete -c dcache -n "__fish_dcache_needs_command" -f -a "cluster" -d 'Form, watch, grow, shrink and take down clusters'
complete -c dcache -n "__fish_dcache_needs_command" -f -a "rebalance" -d 'Give every node its share: plan, look, apply, watch'
complete -c dcache -n "__fish_dcache_needs_command" -f -a "op" -d 'Long work the cluster does: list, watch, pause, cancel'
complete -c dcache -n "__fish_dcache_needs_command" -f -a "namespace" -d 'Policies of sets of keys: eviction, memory, time to live'
complete -c dcache -n "__fish_dcache_needs_command" -f -a "stats" -d 'Figures of the cluster or of one node'
complete -c dcache -n "__fish_dcache_needs_command" -f -a "events" -d 'What happened to the cluster, oldest first'
complete -c dcache -n "__fish_dcache_needs_command" -f -a "top" -d 'The live dashboard'
complete -c dcache -n "__fish_dcache_needs_command" -f -a "context" -d 'Named clusters in the config file'
complete -c dcache -n "__fish_dcache_needs_command" -f -a "ctx" -d 'Named clusters in the config file'
complete -c dcache -n "__fish_dcache_needs_command" -f -a "completions" -d 'Completions for a shell'
complete -c dcache -n "__fish_dcache_needs_command" -f -a "man" -d 'Manual pages'
complete -c dcache -n "__fish_dcache_needs_command" -f -a "version" -d 'Versions of this program and of the node it talks to'
complete -c dcache -n "__fish_dcache_needs_command" -f -a "help" -d 'Help on a command or a topic'
complete -c dcache -n "__fish_dcache_using_subcommand get" -l default -d 'Print this, with exit code 0, when the key does not exist' -r
complete -c dcache -n "__fish_dcache_using_subcommand get" -l touch -d 'Set its time to live as well' -r
complete -c dcache -n "__fish_dcache_using_subcommand get" -s n -l namespace -d 'Namespace the keys must be in; selects its database when it has one' -r
complete -c dcache -n "__fish_dcache_using_subcommand get" -l key-encoding -d 'How keys are written, for those a shell cannot carry' -r -f -a "plain\t'The argument\'s own bytes'
base64\t''
hex\t''"
complete -c dcache -n "__fish_dcache_using_subcommand get" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand get" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand get" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand get" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand get" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand get" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand get" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand get" -l raw -d 'Print binary values on a terminal too'
complete -c dcache -n "__fish_dcache_using_subcommand get" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand get" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand get" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand get" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand get" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand get" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand mget" -s n -l namespace -d 'Namespace the keys must be in; selects its database when it has one' -r
complete -c dcache -n "__fish_dcache_using_subcommand mget" -l key-encoding -d 'How keys are written, for those a shell cannot carry' -r -f -a "plain\t'The argument\'s own bytes'
base64\t''
hex\t''"
complete -c dcache -n "__fish_dcache_using_subcommand mget" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand mget" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand mget" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand mget" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand mget" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand mget" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand mget" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand mget" -l null -d 'Print the values in order, each followed by a NUL byte; a missing one is empty'
complete -c dcache -n "__fish_dcache_using_subcommand mget" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand mget" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand mget" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand mget" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand mget" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand mget" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand set" -l file -d 'Read the value from a file' -r -F
complete -c dcache -n "__fish_dcache_using_subcommand set" -l ttl -d 'Time to live, as 500ms, 30s, 10m or 1h30m; without it the key stays' -r
complete -c dcache -n "__fish_dcache_using_subcommand set" -s n -l namespace -d 'Namespace the keys must be in; selects its database when it has one' -r
complete -c dcache -n "__fish_dcache_using_subcommand set" -l key-encoding -d 'How keys are written, for those a shell cannot carry' -r -f -a "plain\t'The argument\'s own bytes'
base64\t''
hex\t''"
complete -c dcache -n "__fish_dcache_using_subcommand set" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand set" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand set" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand set" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand set" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand set" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand set" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand set" -l if-absent -d 'Only if the key does not exist; otherwise exit code 7'
complete -c dcache -n "__fish_dcache_using_subcommand set" -l if-present -d 'Only if the key exists; otherwise exit code 7'
complete -c dcache -n "__fish_dcache_using_subcommand set" -l get -d 'Print the value before, exactly its bytes'
complete -c dcache -n "__fish_dcache_using_subcommand set" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand set" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand set" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand set" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand set" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand set" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand del" -l pattern -d 'Every key that matches, as `tmp:*`; asks first' -r
complete -c dcache -n "__fish_dcache_using_subcommand del" -l limit -d 'At most this many keys' -r
complete -c dcache -n "__fish_dcache_using_subcommand del" -s n -l namespace -d 'Namespace the keys must be in; selects its database when it has one' -r
complete -c dcache -n "__fish_dcache_using_subcommand del" -l key-encoding -d 'How keys are written, for those a shell cannot carry' -r -f -a "plain\t'The argument\'s own bytes'
base64\t''
hex\t''"
complete -c dcache -n "__fish_dcache_using_subcommand del" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand del" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand del" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand del" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand del" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand del" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand del" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand del" -l dry-run -d 'Count the keys and delete none'
complete -c dcache -n "__fish_dcache_using_subcommand del" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand del" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand del" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand del" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand del" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand del" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand exists" -s n -l namespace -d 'Namespace the keys must be in; selects its database when it has one' -r
complete -c dcache -n "__fish_dcache_using_subcommand exists" -l key-encoding -d 'How keys are written, for those a shell cannot carry' -r -f -a "plain\t'The argument\'s own bytes'
base64\t''
hex\t''"
complete -c dcache -n "__fish_dcache_using_subcommand exists" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand exists" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand exists" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand exists" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand exists" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand exists" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand exists" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand exists" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand exists" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand exists" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand exists" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand exists" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand exists" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand ttl" -l set -d 'Set the time to live' -r
complete -c dcache -n "__fish_dcache_using_subcommand ttl" -s n -l namespace -d 'Namespace the keys must be in; selects its database when it has one' -r
complete -c dcache -n "__fish_dcache_using_subcommand ttl" -l key-encoding -d 'How keys are written, for those a shell cannot carry' -r -f -a "plain\t'The argument\'s own bytes'
base64\t''
hex\t''"
complete -c dcache -n "__fish_dcache_using_subcommand ttl" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand ttl" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand ttl" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand ttl" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand ttl" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand ttl" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand ttl" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand ttl" -l persist -d 'Let the key stay without end'
complete -c dcache -n "__fish_dcache_using_subcommand ttl" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand ttl" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand ttl" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand ttl" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand ttl" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand ttl" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand incr" -l by -d 'How much to add; may be negative' -r
complete -c dcache -n "__fish_dcache_using_subcommand incr" -l ttl -d 'Time to live, if the key has none yet' -r
complete -c dcache -n "__fish_dcache_using_subcommand incr" -s n -l namespace -d 'Namespace the keys must be in; selects its database when it has one' -r
complete -c dcache -n "__fish_dcache_using_subcommand incr" -l key-encoding -d 'How keys are written, for those a shell cannot carry' -r -f -a "plain\t'The argument\'s own bytes'
base64\t''
hex\t''"
complete -c dcache -n "__fish_dcache_using_subcommand incr" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand incr" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand incr" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand incr" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand incr" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand incr" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand incr" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand incr" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand incr" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand incr" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand incr" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand incr" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand incr" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand scan" -s n -l namespace -d 'Only keys of this namespace' -r
complete -c dcache -n "__fish_dcache_using_subcommand scan" -l with -d 'What to show beside each key' -r -f -a "size\t'Bytes of the value'
ttl\t'Time to live'
node\t'Node that owns the key'"
complete -c dcache -n "__fish_dcache_using_subcommand scan" -l limit -d 'Stop after about this many keys, and say where to go on' -r
complete -c dcache -n "__fish_dcache_using_subcommand scan" -l cursor -d 'Go on where a scan with --limit stopped' -r
complete -c dcache -n "__fish_dcache_using_subcommand scan" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand scan" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand scan" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand scan" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand scan" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand scan" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand scan" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand scan" -l null -d 'End each key with a NUL byte instead of a line; for `xargs -0`'
complete -c dcache -n "__fish_dcache_using_subcommand scan" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand scan" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand scan" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand scan" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand scan" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand scan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand node; and not __fish_seen_subcommand_from start list ls show" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and not __fish_seen_subcommand_from start list ls show" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand node; and not __fish_seen_subcommand_from start list ls show" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand node; and not __fish_seen_subcommand_from start list ls show" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and not __fish_seen_subcommand_from start list ls show" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and not __fish_seen_subcommand_from start list ls show" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and not __fish_seen_subcommand_from start list ls show" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand node; and not __fish_seen_subcommand_from start list ls show" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand node; and not __fish_seen_subcommand_from start list ls show" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand node; and not __fish_seen_subcommand_from start list ls show" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand node; and not __fish_seen_subcommand_from start list ls show" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand node; and not __fish_seen_subcommand_from start list ls show" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand node; and not __fish_seen_subcommand_from start list ls show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand node; and not __fish_seen_subcommand_from start list ls show" -f -a "start" -d 'Start a node; with nothing configured it serves this machine at once'
complete -c dcache -n "__fish_dcache_using_subcommand node; and not __fish_seen_subcommand_from start list ls show" -f -a "list" -d 'List the nodes of the cluster'
complete -c dcache -n "__fish_dcache_using_subcommand node; and not __fish_seen_subcommand_from start list ls show" -f -a "ls" -d 'List the nodes of the cluster'
complete -c dcache -n "__fish_dcache_using_subcommand node; and not __fish_seen_subcommand_from start list ls show" -f -a "show" -d 'Show one node'
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -s f -l file -d 'Read node.yaml; flags beat it' -r -F
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -l name -d 'Name, unique in the cluster; the host\'s name without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -l zone -d 'Zone, for spreading' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -l gateway -d 'Door for any Redis client; 127.0.0.1:6379 without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -l listen -d 'Door for cluster-aware Redis clients; 127.0.0.1:7400 without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -l control -d 'Door of the control API and of /metrics; 127.0.0.1:7401 without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -l peers -d 'Door for other nodes; 127.0.0.1:7402 without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -l memcached -d 'Door for clients of memcached\'s text protocol; none without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -l announce -d 'Host that clients and other nodes are told, when it is not the address listened on' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -l memory -d 'Memory for entries, as 2GiB or 40%; a quarter of the machine without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -l weight -d 'Share of the slots relative to other nodes, 1 to 10000; 100 without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -l workers -d 'Threads for clients; one a core without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -l join -d 'Peers door of a node of the cluster to join; may be repeated' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -l data-dir -d 'Where identity and agreed metadata are kept; a folder named after the node without it' -r -f -a "(__fish_complete_directories)"
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -l log-format -d 'Form of the log: auto, text or json; auto is text on a terminal' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -l insecure -d 'Allow addresses beyond this machine, without encryption or login'
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -l debug-commands -d 'Allow DEBUG, with which a client can hold up all others: for test suites'
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -l check -d 'Check the configuration and start nothing'
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from start" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from list" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from list" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from list" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from list" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from list" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from list" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from list" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from list" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from list" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from list" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from ls" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from ls" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from ls" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from ls" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from ls" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from ls" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from ls" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from ls" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from ls" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from ls" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from ls" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from show" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from show" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from show" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from show" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from show" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from show" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from show" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from show" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from show" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from show" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand node; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and not __fish_seen_subcommand_from init status add drain undrain remove rm forget maintenance failover upgrade destroy" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and not __fish_seen_subcommand_from init status add drain undrain remove rm forget maintenance failover upgrade destroy" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and not __fish_seen_subcommand_from init status add drain undrain remove rm forget maintenance failover upgrade destroy" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and not __fish_seen_subcommand_from init status add drain undrain remove rm forget maintenance failover upgrade destroy" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and not __fish_seen_subcommand_from init status add drain undrain remove rm forget maintenance failover upgrade destroy" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and not __fish_seen_subcommand_from init status add drain undrain remove rm forget maintenance failover upgrade destroy" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and not __fish_seen_subcommand_from init status add drain undrain remove rm forget maintenance failover upgrade destroy" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and not __fish_seen_subcommand_from init status add drain undrain remove rm forget maintenance failover upgrade destroy" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and not __fish_seen_subcommand_from init status add drain undrain remove rm forget maintenance failover upgrade destroy" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and not __fish_seen_subcommand_from init status add drain undrain remove rm forget maintenance failover upgrade destroy" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and not __fish_seen_subcommand_from init status add drain undrain remove rm forget maintenance failover upgrade destroy" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and not __fish_seen_subcommand_from init status add drain undrain remove rm forget maintenance failover upgrade destroy" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and not __fish_seen_subcommand_from init status add drain undrain remove rm forget maintenance failover upgrade destroy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and not __fish_seen_subcommand_from init status add drain undrain remove rm forget maintenance failover upgrade destroy" -f -a "init" -d 'Form a cluster, of new nodes on this machine or of nodes started elsewhere'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and not __fish_seen_subcommand_from init status add drain undrain remove rm forget maintenance failover upgrade destroy" -f -a "status" -d 'Show the cluster\'s health and its nodes'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and not __fish_seen_subcommand_from init status add drain undrain remove rm forget maintenance failover upgrade destroy" -f -a "add" -d 'Give nodes that joined their share'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and not __fish_seen_subcommand_from init status add drain undrain remove rm forget maintenance failover upgrade destroy" -f -a "drain" -d 'Move everything off a node, which stays as a proxy'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and not __fish_seen_subcommand_from init status add drain undrain remove rm forget maintenance failover upgrade destroy" -f -a "undrain" -d 'Let a drained node hold its share again'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and not __fish_seen_subcommand_from init status add drain undrain remove rm forget maintenance failover upgrade destroy" -f -a "remove" -d 'Take a node out of the cluster that holds nothing, or drain it first'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and not __fish_seen_subcommand_from init status add drain undrain remove rm forget maintenance failover upgrade destroy" -f -a "rm" -d 'Take a node out of the cluster that holds nothing, or drain it first'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and not __fish_seen_subcommand_from init status add drain undrain remove rm forget maintenance failover upgrade destroy" -f -a "forget" -d 'Take a node out of the cluster that is dead and gone'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and not __fish_seen_subcommand_from init status add drain undrain remove rm forget maintenance failover upgrade destroy" -f -a "maintenance" -d 'Say that a node is being worked on: it serves nothing, and its copies are not built elsewhere'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and not __fish_seen_subcommand_from init status add drain undrain remove rm forget maintenance failover upgrade destroy" -f -a "failover" -d 'Have other nodes take over what a node serves, without losing a write'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and not __fish_seen_subcommand_from init status add drain undrain remove rm forget maintenance failover upgrade destroy" -f -a "upgrade" -d 'Have all nodes run another build, one after the other: plan, start, watch'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and not __fish_seen_subcommand_from init status add drain undrain remove rm forget maintenance failover upgrade destroy" -f -a "destroy" -d 'Stop a local cluster and drop its data'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from init" -l local -d 'Start this many nodes on this machine; 3 without a number' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from init" -s f -l file -d 'Form the cluster that cluster.yaml describes, of nodes that run already' -r -F
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from init" -l name -d 'Name of the local cluster and of its context' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from init" -l memory -d 'Memory for entries of each node; 256MiB without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from init" -l partitions -d 'Number of partitions, a power of two, fixed for the cluster\'s life; 1024 without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from init" -l copies -d 'Further copies of each partition on other nodes, 0 to 4, as far as there are nodes; 1 without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from init" -l data-dir -d 'Keep the nodes\' data in this folder when the cluster stops' -r -f -a "(__fish_complete_directories)"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from init" -l wait-timeout -d 'How long nodes may take to start and to agree' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from init" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from init" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from init" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from init" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from init" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from init" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from init" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from init" -l detach -d 'Leave the nodes running in the background'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from init" -l drop-keys -d 'Go on although a node already holds keys, which are lost'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from init" -l dry-run -d 'Show the plan and change nothing'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from init" -l exit-code -d 'With --dry-run: exit code 10 when there is something to do'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from init" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from init" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from init" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from init" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from init" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from status" -s w -l watch -d 'Draw again every so often, 2s without a number' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from status" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from status" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from status" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from status" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from status" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from status" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from status" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from status" -l check -d 'Exit code 8 when something is critical, a copy is missing, a node does not answer, or an operation is not finished'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from status" -l strict -d 'With --check: any warning counts'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from status" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from status" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from status" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from add" -l force -d 'Override a safety check: `last-replica` leaves partitions with one copy where there is no node for another' -r -f -a "last-replica\t''"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from add" -l rate -d 'Bytes a second that one node sends at most, as 40MiB/s; `unlimited`; 32MiB/s without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from add" -l moves-at-once -d 'Moves that one node takes part in at once, 1 to 64; 2 without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from add" -l guard-p99 -d 'Slow down when the p99 of clients rises by more than this, as 2ms; `off`; 2ms without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from add" -l wait-timeout -d 'How long to wait for the end, then exit code 5; the work goes on; as long as it takes without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from add" -l progress -d 'How progress is told: bars on a terminal and lines elsewhere, or JSON lines on stderr' -r -f -a "auto\t''
lines\t'Lines on a terminal too'
json\t''"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from add" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from add" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from add" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from add" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from add" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from add" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from add" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from add" -l dry-run -d 'Show the plan and change nothing'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from add" -l no-wait -d 'Print the operation\'s id and do not wait for its end'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from add" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from add" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from add" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from drain" -l force -d 'Override a safety check: `last-replica` leaves partitions with one copy where there is no node for another' -r -f -a "last-replica\t''"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from drain" -l rate -d 'Bytes a second that one node sends at most, as 40MiB/s; `unlimited`; 32MiB/s without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from drain" -l moves-at-once -d 'Moves that one node takes part in at once, 1 to 64; 2 without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from drain" -l guard-p99 -d 'Slow down when the p99 of clients rises by more than this, as 2ms; `off`; 2ms without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from drain" -l wait-timeout -d 'How long to wait for the end, then exit code 5; the work goes on; as long as it takes without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from drain" -l progress -d 'How progress is told: bars on a terminal and lines elsewhere, or JSON lines on stderr' -r -f -a "auto\t''
lines\t'Lines on a terminal too'
json\t''"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from drain" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from drain" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from drain" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from drain" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from drain" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from drain" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from drain" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from drain" -l dry-run -d 'Show the plan and change nothing'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from drain" -l no-wait -d 'Print the operation\'s id and do not wait for its end'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from drain" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from drain" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from drain" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from drain" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from drain" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from drain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from undrain" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from undrain" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from undrain" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from undrain" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from undrain" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from undrain" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from undrain" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from undrain" -l dry-run -d 'Say what would change and change nothing'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from undrain" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from undrain" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from undrain" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from undrain" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from undrain" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from undrain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from remove" -l force -d 'Override a safety check: `last-replica` leaves partitions with one copy where there is no node for another' -r -f -a "last-replica\t''"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from remove" -l rate -d 'Bytes a second that one node sends at most, as 40MiB/s; `unlimited`; 32MiB/s without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from remove" -l moves-at-once -d 'Moves that one node takes part in at once, 1 to 64; 2 without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from remove" -l guard-p99 -d 'Slow down when the p99 of clients rises by more than this, as 2ms; `off`; 2ms without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from remove" -l wait-timeout -d 'How long to wait for the end, then exit code 5; the work goes on; as long as it takes without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from remove" -l progress -d 'How progress is told: bars on a terminal and lines elsewhere, or JSON lines on stderr' -r -f -a "auto\t''
lines\t'Lines on a terminal too'
json\t''"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from remove" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from remove" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from remove" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from remove" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from remove" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from remove" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from remove" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from remove" -l drain -d 'Move what it holds to other nodes first'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from remove" -l dry-run -d 'Show the plan and change nothing'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from remove" -l no-wait -d 'Print the operation\'s id and do not wait for its end'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from remove" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from remove" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from remove" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from rm" -l force -d 'Override a safety check: `last-replica` leaves partitions with one copy where there is no node for another' -r -f -a "last-replica\t''"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from rm" -l rate -d 'Bytes a second that one node sends at most, as 40MiB/s; `unlimited`; 32MiB/s without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from rm" -l moves-at-once -d 'Moves that one node takes part in at once, 1 to 64; 2 without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from rm" -l guard-p99 -d 'Slow down when the p99 of clients rises by more than this, as 2ms; `off`; 2ms without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from rm" -l wait-timeout -d 'How long to wait for the end, then exit code 5; the work goes on; as long as it takes without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from rm" -l progress -d 'How progress is told: bars on a terminal and lines elsewhere, or JSON lines on stderr' -r -f -a "auto\t''
lines\t'Lines on a terminal too'
json\t''"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from rm" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from rm" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from rm" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from rm" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from rm" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from rm" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from rm" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from rm" -l drain -d 'Move what it holds to other nodes first'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from rm" -l dry-run -d 'Show the plan and change nothing'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from rm" -l no-wait -d 'Print the operation\'s id and do not wait for its end'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from rm" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from rm" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from rm" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from rm" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from rm" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from forget" -l force -d 'Override a safety check: `last-replica` gives up the keys of which the node has the only copy' -r -f -a "last-replica\t''"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from forget" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from forget" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from forget" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from forget" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from forget" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from forget" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from forget" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from forget" -l dry-run -d 'Say what would change and change nothing'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from forget" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from forget" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from forget" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from forget" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from forget" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from forget" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from maintenance" -l for -d 'How long at most; 30m without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from maintenance" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from maintenance" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from maintenance" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from maintenance" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from maintenance" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from maintenance" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from maintenance" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from maintenance" -l dry-run -d 'Say what would change and change nothing'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from maintenance" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from maintenance" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from maintenance" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from maintenance" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from maintenance" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from maintenance" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from failover" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from failover" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from failover" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from failover" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from failover" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from failover" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from failover" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from failover" -l dry-run -d 'Say what would be handed over and change nothing'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from failover" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from failover" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from failover" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from failover" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from failover" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from failover" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from upgrade" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from upgrade" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from upgrade" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from upgrade" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from upgrade" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from upgrade" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from upgrade" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from upgrade" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from upgrade" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from upgrade" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from upgrade" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from upgrade" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from upgrade" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from upgrade" -f -a "plan" -d 'Show the order of the nodes, what they run now, and what to heed'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from upgrade" -f -a "start" -d 'Begin: one node after the other hands over what it serves, and is waited for until it runs the version'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from upgrade" -f -a "status" -d 'Show how far it is, and what is to be done now'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from upgrade" -f -a "watch" -d 'Watch it until it is over'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from upgrade" -f -a "pause" -d 'Begin no further turn; nodes may go back to the build before'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from upgrade" -f -a "resume" -d 'Go on'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from upgrade" -f -a "cancel" -d 'Stop; every node goes on with the build it has'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from destroy" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from destroy" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from destroy" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from destroy" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from destroy" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from destroy" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from destroy" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from destroy" -l dry-run -d 'Tell what would be stopped and removed, and do nothing'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from destroy" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from destroy" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from destroy" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from destroy" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from destroy" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand cluster; and __fish_seen_subcommand_from destroy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -l out -d 'With --plan: write it to this file, for `rebalance apply`' -r -F
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -l by -d 'What is to be even: partitions, their memory, or the requests they get; each by the nodes\' weights; `count` without it' -r -f -a "count\t''
memory\t''
load\t''"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -l pin -d 'A partition that stays where it is; may be repeated' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -l rate -d 'Bytes a second that one node sends at most, as 40MiB/s; `unlimited`; 32MiB/s without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -l moves-at-once -d 'Moves that one node takes part in at once, 1 to 64; 2 without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -l guard-p99 -d 'Slow down when the p99 of clients rises by more than this, as 2ms; `off`; 2ms without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -l wait-timeout -d 'How long to wait for the end, then exit code 5; the work goes on; as long as it takes without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -l progress -d 'How progress is told: bars on a terminal and lines elsewhere, or JSON lines on stderr' -r -f -a "auto\t''
lines\t'Lines on a terminal too'
json\t''"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -l plan -l dry-run -d 'Only show the plan'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -l exit-code -d 'With --plan: exit code 10 when there is something to move'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -l no-wait -d 'Print the operation\'s id and do not wait for its end'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -f -a "apply" -d 'Carry out a plan: that of a file, or a new one'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -f -a "watch" -d 'Watch a rebalance until it is over'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -f -a "pause" -d 'Begin no further moves'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -f -a "resume" -d 'Go on'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -f -a "cancel" -d 'Stop, and take back what has not taken over'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -f -a "throttle" -d 'Change how fast it goes'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -f -a "list" -d 'List the rebalances under way and past'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and not __fish_seen_subcommand_from apply watch pause resume cancel throttle list ls" -f -a "ls" -d 'List the rebalances under way and past'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from apply" -l by -d 'What is to be even: partitions, their memory, or the requests they get; each by the nodes\' weights; `count` without it' -r -f -a "count\t''
memory\t''
load\t''"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from apply" -l pin -d 'A partition that stays where it is; may be repeated' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from apply" -l force -d 'Override a safety check: `last-replica` leaves partitions with one copy where there is no node for another' -r -f -a "last-replica\t''"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from apply" -l rate -d 'Bytes a second that one node sends at most, as 40MiB/s; `unlimited`; 32MiB/s without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from apply" -l moves-at-once -d 'Moves that one node takes part in at once, 1 to 64; 2 without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from apply" -l guard-p99 -d 'Slow down when the p99 of clients rises by more than this, as 2ms; `off`; 2ms without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from apply" -l wait-timeout -d 'How long to wait for the end, then exit code 5; the work goes on; as long as it takes without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from apply" -l progress -d 'How progress is told: bars on a terminal and lines elsewhere, or JSON lines on stderr' -r -f -a "auto\t''
lines\t'Lines on a terminal too'
json\t''"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from apply" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from apply" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from apply" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from apply" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from apply" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from apply" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from apply" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from apply" -l dry-run -d 'Show the plan and change nothing'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from apply" -l no-wait -d 'Print the operation\'s id and do not wait for its end'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from apply" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from apply" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from apply" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from apply" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from apply" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from apply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from watch" -l wait-timeout -d 'How long to wait for the end, then exit code 5; the work goes on; as long as it takes without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from watch" -l progress -d 'How progress is told: bars on a terminal and lines elsewhere, or JSON lines on stderr' -r -f -a "auto\t''
lines\t'Lines on a terminal too'
json\t''"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from watch" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from watch" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from watch" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from watch" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from watch" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from watch" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from watch" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from watch" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from watch" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from watch" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from watch" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from watch" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from watch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from pause" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from pause" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from pause" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from pause" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from pause" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from pause" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from pause" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from pause" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from pause" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from pause" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from pause" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from pause" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from pause" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from resume" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from resume" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from resume" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from resume" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from resume" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from resume" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from resume" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from resume" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from resume" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from resume" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from resume" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from resume" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from resume" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from cancel" -l wait-timeout -d 'How long to wait for the end, then exit code 5; the work goes on; as long as it takes without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from cancel" -l progress -d 'How progress is told: bars on a terminal and lines elsewhere, or JSON lines on stderr' -r -f -a "auto\t''
lines\t'Lines on a terminal too'
json\t''"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from cancel" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from cancel" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from cancel" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from cancel" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from cancel" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from cancel" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from cancel" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from cancel" -l no-wait -d 'Print the operation\'s id and do not wait for its end'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from cancel" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from cancel" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from cancel" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from cancel" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from cancel" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from cancel" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from throttle" -l rate -d 'Bytes a second that one node sends at most, as 40MiB/s; `unlimited`; 32MiB/s without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from throttle" -l moves-at-once -d 'Moves that one node takes part in at once, 1 to 64; 2 without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from throttle" -l guard-p99 -d 'Slow down when the p99 of clients rises by more than this, as 2ms; `off`; 2ms without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from throttle" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from throttle" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from throttle" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from throttle" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from throttle" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from throttle" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from throttle" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from throttle" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from throttle" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from throttle" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from throttle" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from throttle" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from throttle" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from list" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from list" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from list" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from list" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from list" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from list" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from list" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from list" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from list" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from list" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from ls" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from ls" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from ls" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from ls" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from ls" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from ls" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from ls" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from ls" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from ls" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from ls" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from ls" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand rebalance; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand op; and not __fish_seen_subcommand_from list ls show watch pause resume cancel throttle" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and not __fish_seen_subcommand_from list ls show watch pause resume cancel throttle" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand op; and not __fish_seen_subcommand_from list ls show watch pause resume cancel throttle" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand op; and not __fish_seen_subcommand_from list ls show watch pause resume cancel throttle" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and not __fish_seen_subcommand_from list ls show watch pause resume cancel throttle" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and not __fish_seen_subcommand_from list ls show watch pause resume cancel throttle" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and not __fish_seen_subcommand_from list ls show watch pause resume cancel throttle" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand op; and not __fish_seen_subcommand_from list ls show watch pause resume cancel throttle" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand op; and not __fish_seen_subcommand_from list ls show watch pause resume cancel throttle" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand op; and not __fish_seen_subcommand_from list ls show watch pause resume cancel throttle" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand op; and not __fish_seen_subcommand_from list ls show watch pause resume cancel throttle" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand op; and not __fish_seen_subcommand_from list ls show watch pause resume cancel throttle" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand op; and not __fish_seen_subcommand_from list ls show watch pause resume cancel throttle" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand op; and not __fish_seen_subcommand_from list ls show watch pause resume cancel throttle" -f -a "list" -d 'List the operations, the newest first'
complete -c dcache -n "__fish_dcache_using_subcommand op; and not __fish_seen_subcommand_from list ls show watch pause resume cancel throttle" -f -a "ls" -d 'List the operations, the newest first'
complete -c dcache -n "__fish_dcache_using_subcommand op; and not __fish_seen_subcommand_from list ls show watch pause resume cancel throttle" -f -a "show" -d 'Show one operation'
complete -c dcache -n "__fish_dcache_using_subcommand op; and not __fish_seen_subcommand_from list ls show watch pause resume cancel throttle" -f -a "watch" -d 'Watch an operation until it is over'
complete -c dcache -n "__fish_dcache_using_subcommand op; and not __fish_seen_subcommand_from list ls show watch pause resume cancel throttle" -f -a "pause" -d 'Begin no further moves'
complete -c dcache -n "__fish_dcache_using_subcommand op; and not __fish_seen_subcommand_from list ls show watch pause resume cancel throttle" -f -a "resume" -d 'Go on'
complete -c dcache -n "__fish_dcache_using_subcommand op; and not __fish_seen_subcommand_from list ls show watch pause resume cancel throttle" -f -a "cancel" -d 'Stop, and take back what has not taken over'
complete -c dcache -n "__fish_dcache_using_subcommand op; and not __fish_seen_subcommand_from list ls show watch pause resume cancel throttle" -f -a "throttle" -d 'Change how fast it goes'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from list" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from list" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from list" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from list" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from list" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from list" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from list" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from list" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from list" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from list" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from ls" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from ls" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from ls" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from ls" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from ls" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from ls" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from ls" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from ls" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from ls" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from ls" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from ls" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from show" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from show" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from show" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from show" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from show" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from show" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from show" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from show" -l moves -d 'List its moves, as long as it is under way'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from show" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from show" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from show" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from watch" -l wait-timeout -d 'How long to wait for the end, then exit code 5; the work goes on; as long as it takes without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from watch" -l progress -d 'How progress is told: bars on a terminal and lines elsewhere, or JSON lines on stderr' -r -f -a "auto\t''
lines\t'Lines on a terminal too'
json\t''"
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from watch" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from watch" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from watch" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from watch" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from watch" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from watch" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from watch" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from watch" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from watch" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from watch" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from watch" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from watch" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from watch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from pause" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from pause" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from pause" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from pause" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from pause" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from pause" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from pause" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from pause" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from pause" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from pause" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from pause" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from pause" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from pause" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from resume" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from resume" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from resume" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from resume" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from resume" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from resume" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from resume" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from resume" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from resume" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from resume" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from resume" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from resume" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from resume" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from cancel" -l wait-timeout -d 'How long to wait for the end, then exit code 5; the work goes on; as long as it takes without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from cancel" -l progress -d 'How progress is told: bars on a terminal and lines elsewhere, or JSON lines on stderr' -r -f -a "auto\t''
lines\t'Lines on a terminal too'
json\t''"
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from cancel" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from cancel" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from cancel" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from cancel" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from cancel" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from cancel" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from cancel" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from cancel" -l no-wait -d 'Print the operation\'s id and do not wait for its end'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from cancel" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from cancel" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from cancel" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from cancel" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from cancel" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from cancel" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from throttle" -l rate -d 'Bytes a second that one node sends at most, as 40MiB/s; `unlimited`; 32MiB/s without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from throttle" -l moves-at-once -d 'Moves that one node takes part in at once, 1 to 64; 2 without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from throttle" -l guard-p99 -d 'Slow down when the p99 of clients rises by more than this, as 2ms; `off`; 2ms without it' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from throttle" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from throttle" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from throttle" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from throttle" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from throttle" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from throttle" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from throttle" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from throttle" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from throttle" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from throttle" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from throttle" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from throttle" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand op; and __fish_seen_subcommand_from throttle" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and not __fish_seen_subcommand_from list ls show set delete" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and not __fish_seen_subcommand_from list ls show set delete" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and not __fish_seen_subcommand_from list ls show set delete" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and not __fish_seen_subcommand_from list ls show set delete" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and not __fish_seen_subcommand_from list ls show set delete" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and not __fish_seen_subcommand_from list ls show set delete" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and not __fish_seen_subcommand_from list ls show set delete" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and not __fish_seen_subcommand_from list ls show set delete" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and not __fish_seen_subcommand_from list ls show set delete" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and not __fish_seen_subcommand_from list ls show set delete" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and not __fish_seen_subcommand_from list ls show set delete" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and not __fish_seen_subcommand_from list ls show set delete" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and not __fish_seen_subcommand_from list ls show set delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and not __fish_seen_subcommand_from list ls show set delete" -f -a "list" -d 'List the namespaces with their figures'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and not __fish_seen_subcommand_from list ls show set delete" -f -a "ls" -d 'List the namespaces with their figures'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and not __fish_seen_subcommand_from list ls show set delete" -f -a "show" -d 'Show one namespace'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and not __fish_seen_subcommand_from list ls show set delete" -f -a "set" -d 'Create a namespace, or change what the flags name'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and not __fish_seen_subcommand_from list ls show set delete" -f -a "delete" -d 'Delete a namespace; its keys fall to the next match, or to `default`'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from list" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from list" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from list" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from list" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from list" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from list" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from list" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from list" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from list" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from list" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from ls" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from ls" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from ls" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from ls" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from ls" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from ls" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from ls" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from ls" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from ls" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from ls" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from ls" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from show" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from show" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from show" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from show" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from show" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from show" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from show" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from show" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from show" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from show" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -l prefix -d 'Keys that begin with this' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -l database -d 'Keys of this numbered database, 1 to 15' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -l eviction -d 'What goes when space is needed: `auto` picks by itself, `none` refuses writes' -r -f -a "auto\t''
lru\t''
lfu\t''
fifo\t''
s3-fifo\t''
w-tinylfu\t''
lhd\t''
cost\t''
random\t''
none\t''"
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -l memory-max -d 'Most memory of its entries on each node, as 512MiB; `none` for no maximum' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -l memory-min -d 'Memory on each node that no other namespace can take from it; `none` for none' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -l default-ttl -d 'Time to live of writes that give none; `none` for none' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -l max-ttl -d 'Longest time to live; longer ones are cut to it; `none` for no limit' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -l ttl-jitter -d 'Shorten the time to live of each write by up to so many percent, at random, so that not all expire at once; `none`' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -l consistency -d '`strong`: what is acknowledged is not lost while a copy in sync lives, and reads are never stale; `eventual` is faster' -r -f -a "eventual\t''
strong\t''"
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -l replicas -d 'Further copies of its entries, 0 to 4; `none` for as many as the cluster keeps' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -l min-in-sync -d 'Copies that must be in sync for a write to be taken, the first included; `none` for 1' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -l strong-read -d 'Reads of a strong namespace: by the primary\'s `lease`, or `confirm`ed by all copies in sync, which trusts no clock' -r -f -a "lease\t''
confirm\t''"
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -l reads -d 'Reads of an eventual namespace: by the `primary`, or by `any` copy that is not too far behind' -r -f -a "primary\t''
any\t''"
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -l max-staleness -d 'How far behind a copy may be that answers a read, 50ms to 60s; `none` for 200ms' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -l minority-writes -d 'Whether a node cut off from the majority goes on taking writes of an eventual namespace; they are lost in the end' -r -f -a "true\t''
false\t''"
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -l placement -d 'Of a database: `sharded` over all nodes, or `pinned` to one partition, where transactions, scripts and queues are as on one server' -r -f -a "sharded\t''
pinned\t''"
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -s f -l file -d 'Read the whole namespace from a file' -r -F
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -l dry-run -d 'Show what would change and change nothing'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -l exit-code -d 'With --dry-run: exit code 10 when there is something to change'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from delete" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from delete" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from delete" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from delete" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from delete" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from delete" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from delete" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from delete" -l dry-run -d 'Tell what would be deleted and delete nothing'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from delete" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from delete" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from delete" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from delete" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from delete" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand namespace; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand stats" -l node -d 'Of this node alone' -r
complete -c dcache -n "__fish_dcache_using_subcommand stats" -s w -l watch -d 'Print again every so often, 2s without a number' -r
complete -c dcache -n "__fish_dcache_using_subcommand stats" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand stats" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand stats" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand stats" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand stats" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand stats" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand stats" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand stats" -l prometheus -d 'The text Prometheus reads, of one node'
complete -c dcache -n "__fish_dcache_using_subcommand stats" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand stats" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand stats" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand stats" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand stats" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand stats" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand events" -l since -d 'Of this time back from now alone' -r
complete -c dcache -n "__fish_dcache_using_subcommand events" -l level -d 'Of this level and above' -r -f -a "info\t''
warning\t'Something an operator should know'
critical\t'Slots that nobody serves'"
complete -c dcache -n "__fish_dcache_using_subcommand events" -l node -d 'About this node alone' -r
complete -c dcache -n "__fish_dcache_using_subcommand events" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand events" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand events" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand events" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand events" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand events" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand events" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand events" -l follow -d 'Go on with what happens, until interrupted'
complete -c dcache -n "__fish_dcache_using_subcommand events" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand events" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand events" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand events" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand events" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand events" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand top" -l refresh -d 'How often figures are fetched' -r
complete -c dcache -n "__fish_dcache_using_subcommand top" -l screen -d 'Screen to begin with' -r -f -a "overview\t'The cluster'
nodes\t'Its nodes'
slots\t'Its slots'
replication\t''
rebalance\t'The operation under way, and the last ones'"
complete -c dcache -n "__fish_dcache_using_subcommand top" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand top" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand top" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand top" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand top" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand top" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand top" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand top" -l once -d 'Fetch once, print and end; -o json for programs'
complete -c dcache -n "__fish_dcache_using_subcommand top" -l read-only -d 'Only look: no drain, failover, pause or cancel; so it is in a protected context anyway'
complete -c dcache -n "__fish_dcache_using_subcommand top" -l ascii -d 'Only ASCII marks and borders; without it, where the locale is not UTF-8'
complete -c dcache -n "__fish_dcache_using_subcommand top" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand top" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand top" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand top" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand top" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand top" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand context; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand context; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand context; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand context; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand context; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand context; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand context; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand context; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand context; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand context; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -f -a "list" -d 'List the contexts; a star marks the selected one'
complete -c dcache -n "__fish_dcache_using_subcommand context; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -f -a "ls" -d 'List the contexts; a star marks the selected one'
complete -c dcache -n "__fish_dcache_using_subcommand context; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -f -a "show" -d 'Show one context, the one in use without a name'
complete -c dcache -n "__fish_dcache_using_subcommand context; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -f -a "add" -d 'Add a context'
complete -c dcache -n "__fish_dcache_using_subcommand context; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -f -a "use" -d 'Select a context'
complete -c dcache -n "__fish_dcache_using_subcommand context; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -f -a "rename" -d 'Give a context another name'
complete -c dcache -n "__fish_dcache_using_subcommand context; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -f -a "remove" -d 'Remove a context; the cluster is not touched'
complete -c dcache -n "__fish_dcache_using_subcommand context; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -f -a "rm" -d 'Remove a context; the cluster is not touched'
complete -c dcache -n "__fish_dcache_using_subcommand context; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -f -a "test" -d 'Try every endpoint of a context'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from list" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from list" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from list" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from list" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from list" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from list" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from list" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from list" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from list" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from list" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from ls" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from ls" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from ls" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from ls" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from ls" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from ls" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from ls" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from ls" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from ls" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from ls" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from ls" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from show" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from show" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from show" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from show" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from show" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from show" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from show" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from show" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from show" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from show" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from add" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from add" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from add" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from add" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from add" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from add" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from add" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from add" -l protected -d 'Ask for its name before anything dangerous'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from add" -l complete-keys -d 'Complete key names on TAB, which scans the cluster'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from add" -l use -d 'Select it as well'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from add" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from add" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from add" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from use" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from use" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from use" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from use" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from use" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from use" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from use" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from use" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from use" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from use" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from use" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from use" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from use" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from rename" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from rename" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from rename" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from rename" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from rename" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from rename" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from rename" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from rename" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from rename" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from rename" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from rename" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from rename" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from rename" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from remove" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from remove" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from remove" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from remove" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from remove" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from remove" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from remove" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from remove" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from remove" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from remove" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from rm" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from rm" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from rm" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from rm" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from rm" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from rm" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from rm" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from rm" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from rm" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from rm" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from rm" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from rm" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from test" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from test" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from test" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from test" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from test" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from test" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from test" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from test" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from test" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from test" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from test" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from test" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand context; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -f -a "list" -d 'List the contexts; a star marks the selected one'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -f -a "ls" -d 'List the contexts; a star marks the selected one'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -f -a "show" -d 'Show one context, the one in use without a name'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -f -a "add" -d 'Add a context'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -f -a "use" -d 'Select a context'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -f -a "rename" -d 'Give a context another name'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -f -a "remove" -d 'Remove a context; the cluster is not touched'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -f -a "rm" -d 'Remove a context; the cluster is not touched'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and not __fish_seen_subcommand_from list ls show add use rename remove rm test" -f -a "test" -d 'Try every endpoint of a context'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from list" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from list" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from list" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from list" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from list" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from list" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from list" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from list" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from list" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from list" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from ls" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from ls" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from ls" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from ls" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from ls" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from ls" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from ls" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from ls" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from ls" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from ls" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from ls" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from show" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from show" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from show" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from show" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from show" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from show" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from show" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from show" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from show" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from show" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from add" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from add" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from add" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from add" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from add" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from add" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from add" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from add" -l protected -d 'Ask for its name before anything dangerous'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from add" -l complete-keys -d 'Complete key names on TAB, which scans the cluster'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from add" -l use -d 'Select it as well'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from add" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from add" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from add" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from use" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from use" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from use" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from use" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from use" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from use" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from use" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from use" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from use" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from use" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from use" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from use" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from use" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from rename" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from rename" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from rename" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from rename" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from rename" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from rename" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from rename" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from rename" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from rename" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from rename" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from rename" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from rename" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from rename" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from remove" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from remove" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from remove" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from remove" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from remove" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from remove" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from remove" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from remove" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from remove" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from remove" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from rm" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from rm" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from rm" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from rm" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from rm" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from rm" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from rm" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from rm" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from rm" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from rm" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from rm" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from rm" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from test" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from test" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from test" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from test" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from test" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from test" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from test" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from test" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from test" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from test" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from test" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from test" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand ctx; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand completions" -l out -d 'Write the completions of every shell into this folder' -r -f -a "(__fish_complete_directories)"
complete -c dcache -n "__fish_dcache_using_subcommand completions" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand completions" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand completions" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand completions" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand completions" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand completions" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand completions" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand completions" -l dynamic -d 'Also complete names of contexts, nodes and namespaces; source it at shell start, do not store it'
complete -c dcache -n "__fish_dcache_using_subcommand completions" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand completions" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand completions" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand completions" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand completions" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand man" -l out -d 'Write every page into this folder' -r -f -a "(__fish_complete_directories)"
complete -c dcache -n "__fish_dcache_using_subcommand man" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand man" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand man" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand man" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand man" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand man" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand man" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand man" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand man" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand man" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand man" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand man" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand version" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand version" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand version" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand version" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand version" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand version" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand version" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand version" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand version" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand version" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand version" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand version" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand version" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dcache -n "__fish_dcache_using_subcommand help" -s c -l context -d 'Named cluster of the config file; environment: DCACHE_CONTEXT' -r
complete -c dcache -n "__fish_dcache_using_subcommand help" -l endpoint -d 'Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS' -r -f -a "(__fish_print_hostnames)"
complete -c dcache -n "__fish_dcache_using_subcommand help" -s o -l output -d 'How answers are printed; `help` lists the columns and fields of this command' -r -f -a "table\t'Aligned columns for people'
wide\t'A table with more columns'
json\t'One JSON object'
yaml\t''
ndjson\t'One JSON object a line'
name\t'Names only, one a line'
help\t'Lists the columns and fields of this command'"
complete -c dcache -n "__fish_dcache_using_subcommand help" -l columns -d 'Only these columns of a table, in this order' -r
complete -c dcache -n "__fish_dcache_using_subcommand help" -l timeout -d 'How long to wait for an answer, as 500ms, 10s or 2m' -r
complete -c dcache -n "__fish_dcache_using_subcommand help" -l confirm -d 'Confirm what is severe by the name it asks for, where nobody can be asked' -r
complete -c dcache -n "__fish_dcache_using_subcommand help" -l color -d 'Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dcache -n "__fish_dcache_using_subcommand help" -l no-headers -d 'Leave out the header line of tables'
complete -c dcache -n "__fish_dcache_using_subcommand help" -s y -l yes -d 'Answer yes to ordinary questions'
complete -c dcache -n "__fish_dcache_using_subcommand help" -l no-input -d 'Never ask; a question that would be needed is exit code 2'
complete -c dcache -n "__fish_dcache_using_subcommand help" -s q -l quiet -d 'Only data and errors'
complete -c dcache -n "__fish_dcache_using_subcommand help" -s v -l verbose -d 'Tell each request and how long it took; twice: bodies too'
complete -c dcache -n "__fish_dcache_using_subcommand help" -s h -l help -d 'Print help (see more with \'--help\')'
