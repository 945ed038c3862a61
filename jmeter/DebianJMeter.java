import java.lang.reflect.Field;

/**
 * Starts the JMeter of Debian's package, which cannot load any plan by itself: its XStream was
 * built to forbid every class that is not allowed by name, and nothing allows JMeter's own.
 *
 * <p>java -Djmeter.home=/usr/share/jmeter -cp "$(ls /usr/share/jmeter/bin/*.jar
 * /usr/share/jmeter/lib/*.jar /usr/share/jmeter/lib/ext/*.jar | tr '\n' ':')"
 * jmeter/DebianJMeter.java -n -t jmeter/performance-test.jmx ...
 */
class DebianJMeter {
    private static final String XSTREAM = "com.thoughtworks.xstream.XStream";

    public static void main(String[] arguments) throws Exception {
        String home = System.getProperty("jmeter.home");
        // What saves plans reads its settings when it is loaded, so that JMeter has to know them by then.
        Class<?> settings = Class.forName("org.apache.jmeter.util.JMeterUtils");
        settings.getMethod("setJMeterHome", String.class).invoke(null, home);
        settings.getMethod("loadJMeterProperties", String.class)
                .invoke(null, home + "/bin/jmeter.properties");
        for (Field field : Class.forName("org.apache.jmeter.save.SaveService").getDeclaredFields()) {
            if (field.getType().getName().equals(XSTREAM)) {
                allow(field);
            }
        }
        Class.forName("org.apache.jmeter.NewDriver")
                .getMethod("main", String[].class)
                .invoke(null, (Object) arguments);
    }

    private static void allow(Field field) throws ReflectiveOperationException {
        field.setAccessible(true);
        Object xstream = field.get(null);
        xstream.getClass()
                .getMethod("allowTypesByWildcard", String[].class)
                .invoke(xstream, (Object) new String[] {"org.apache.jmeter.**", "org.apache.jorphan.**"});
    }
}
