import java.lang.annotation.ElementType
import java.lang.annotation.Retention
import java.lang.annotation.RetentionPolicy
import java.lang.annotation.Target

/** Stands for org.jenkinsci.plugins.workflow.libs.Library. */
@Retention(RetentionPolicy.RUNTIME)
@Target([ElementType.LOCAL_VARIABLE, ElementType.TYPE, ElementType.FIELD])
@interface SharedLibrary {
    String[] value()
}
