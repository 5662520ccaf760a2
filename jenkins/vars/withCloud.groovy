// What a cloud asks for, around the steps inside and nowhere else: nothing for local Azure, and nothing where the agent has a managed identity.
void call(String cloud, String credentials, Closure body) {
    String login = cloud == 'azure' ? env.AZURE_LOGIN : 'none'
    if (login == 'service-principal') {
        withCredentials([azureServicePrincipal(credentials)]) { body() }
    } else if (login == 'oidc') {
        withCredentials([file(credentialsId: "${credentials}-token", variable: 'AZURE_FEDERATED_TOKEN_FILE')]) { body() }
    } else if (login in ['none', 'managed-identity']) {
        body()
    } else {
        error("AZURE_LOGIN is ${login}, and has to be service-principal, managed-identity or oidc")
    }
}
