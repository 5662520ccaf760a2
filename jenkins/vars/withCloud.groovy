// What a cloud asks for, around the steps inside and nowhere else: nothing for local Azure, and nothing where the agent has a managed identity.
void call(String cloud, String credentials, Closure body) {
    switch (cloud == 'azure' ? env.AZURE_LOGIN : 'none') {
        case 'service-principal': withCredentials([azureServicePrincipal(credentials)]) { body() }; break
        case 'oidc': withCredentials([file(credentialsId: "${credentials}-token", variable: 'AZURE_FEDERATED_TOKEN_FILE')]) { body() }; break
        case ['none', 'managed-identity']: body(); break
        default: error("AZURE_LOGIN is ${env.AZURE_LOGIN}, and has to be service-principal, managed-identity or oidc")
    }
}
