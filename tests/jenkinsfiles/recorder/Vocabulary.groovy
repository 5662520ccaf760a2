/** The words of declarative Pipeline and of the plugins in jenkins/plugins.txt: what may stand where, and with which parameters. */
class Vocabulary {
    static final List<String> CONDITIONS = ['always', 'changed', 'fixed', 'regression', 'aborted', 'failure', 'success', 'unstable',
                                            'unsuccessful', 'cleanup'].asImmutable()

    /** Block -> what may stand in it. A value names the block below: STEPS, FREE (not looked into), LEAF (has no block). */
    static final Map<String, Map<String, String>> BLOCKS = [
        pipeline   : [agent: 'agent', environment: 'environment', options: 'options', parameters: 'parameters', triggers: 'triggers',
                      tools: 'FREE', libraries: 'FREE', stages: 'stages', post: 'post'],
        stages     : [stage: 'stage'],
        stage      : [agent: 'agent', environment: 'environment', options: 'options', when: 'when', input: 'FREE', tools: 'FREE', failFast: 'LEAF',
                      steps: 'STEPS', stages: 'stages', parallel: 'stages', matrix: 'matrix', post: 'post'],
        matrix     : [axes: 'axes', excludes: 'excludes', agent: 'agent', environment: 'environment', options: 'options', when: 'when',
                      input: 'FREE', tools: 'FREE', stages: 'stages', post: 'post'],
        axes       : [axis: 'axis'],
        axis       : [name: 'LEAF', values: 'LEAF', notValues: 'LEAF'],
        excludes   : [exclude: 'exclude'],
        exclude    : [axis: 'axis'],
        agent      : [label: 'LEAF'],
        when       : [expression: 'FREE', branch: 'LEAF', changeRequest: 'LEAF', environment: 'LEAF', changeset: 'LEAF', triggeredBy: 'LEAF',
                      allOf: 'when', anyOf: 'when', not: 'when', beforeOptions: 'LEAF', beforeAgent: 'LEAF', beforeInput: 'LEAF'],
        options    : [buildDiscarder: 'LEAF', disableConcurrentBuilds: 'LEAF', skipDefaultCheckout: 'LEAF', skipStagesAfterUnstable: 'LEAF',
                      timeout: 'LEAF', retry: 'LEAF', timestamps: 'LEAF', lock: 'LEAF', parallelsAlwaysFailFast: 'LEAF',
                      preserveStashes: 'LEAF', quietPeriod: 'LEAF', durabilityHint: 'LEAF', disableResume: 'LEAF'],
        parameters : [string: 'LEAF', text: 'LEAF', booleanParam: 'LEAF', choice: 'LEAF', password: 'LEAF', stashedFile: 'LEAF', base64File: 'LEAF'],
        triggers   : [cron: 'LEAF', pollSCM: 'LEAF', upstream: 'LEAF'],
        post       : CONDITIONS.collectEntries { [it, 'STEPS'] },
        environment: [:]
    ].asImmutable()

    /** Words that may stand only once in a block. */
    static final Set<String> ONCE = ['agent', 'environment', 'options', 'parameters', 'triggers', 'stages', 'post', 'steps', 'matrix', 'parallel',
                                     'when', 'axes', 'excludes', 'name', 'values', 'notValues', *CONDITIONS] as Set

    /** Options that are steps around everything, post included. */
    static final Set<String> WRAPPERS = ['timeout', 'retry', 'timestamps', 'lock'] as Set

    /** Step -> its parameters, the one that may stand alone first. `node`: it needs an agent; `block`: steps stand in it. */
    static final Map<String, Map> STEPS = [
        sh              : [takes: ['script', 'returnStatus', 'returnStdout', 'label', 'encoding'], node: true],
        junit           : [takes: ['testResults', 'allowEmptyResults', 'keepProperties', 'keepTestNames', 'skipOldReports', 'stdioRetention',
                                   'testDataPublishers', 'skipMarkingBuildUnstable', 'skipPublishingChecks', 'checksName', 'healthScaleFactor'], node: true],
        archiveArtifacts: [takes: ['artifacts', 'allowEmptyArchive', 'excludes', 'fingerprint', 'onlyIfSuccessful', 'followSymlinks',
                                   'defaultExcludes', 'caseSensitive'], node: true],
        stash           : [takes: ['name', 'includes', 'excludes', 'allowEmpty'], node: true],
        unstash         : [takes: ['name'], node: true],
        unzip           : [takes: ['zipFile', 'dir', 'glob', 'quiet', 'charset', 'read', 'test'], node: true],
        checkout        : [takes: ['scm'], node: true],
        git             : [takes: ['url', 'branch', 'credentialsId', 'changelog', 'poll'], node: true],
        deleteDir       : [takes: [], node: true],
        fileExists      : [takes: ['file'], node: true],
        readFile        : [takes: ['file', 'encoding'], node: true],
        readJSON        : [takes: ['file', 'text', 'returnPojo'], node: true],
        addBadge        : [takes: ['text', 'icon', 'id', 'cssClass', 'style', 'link', 'target']],
        writeFile       : [takes: ['file', 'text', 'encoding'], node: true],
        publishChecks   : [takes: ['name', 'title', 'summary', 'text', 'detailsURL', 'status', 'conclusion']],
        echo            : [takes: ['message']],
        error           : [takes: ['message']],
        unstable        : [takes: ['message']],
        input           : [takes: ['message', 'ok', 'id', 'submitter', 'parameters']],
        dir             : [takes: ['path'], node: true, block: true],
        timeout         : [takes: ['time', 'unit', 'activity'], block: true],
        lock            : [takes: ['resource', 'label', 'quantity', 'variable', 'inversePrecedence', 'skipIfLocked', 'priority'], block: true],
        retry           : [takes: ['count', 'conditions'], block: true],
        timestamps      : [takes: [], block: true],
        withEnv         : [takes: ['overrides'], block: true],
        withCredentials : [takes: ['bindings'], block: true],
        catchError      : [takes: ['buildResult', 'stageResult', 'message', 'catchInterruptions'], block: true],
        warnError       : [takes: ['message', 'catchInterruptions'], block: true],
        script          : [takes: [], block: true]
    ].asImmutable()

    /** What stands in the parameter of a step -> its own parameters. */
    static final Map<String, List<String>> SYMBOLS = [
        attachments: ['showAttachmentsAtClassLevel', 'showAttachmentsInStdOut']
    ].asImmutable()

    /** Binding of withCredentials -> its parameters. */
    static final Map<String, List<String>> BINDINGS = [
        azureServicePrincipal: ['credentialsId', 'subscriptionIdVariable', 'clientIdVariable', 'clientSecretVariable', 'tenantIdVariable'],
        string               : ['credentialsId', 'variable'],
        file                 : ['credentialsId', 'variable'],
        usernamePassword     : ['credentialsId', 'usernameVariable', 'passwordVariable']
    ].asImmutable()
}
